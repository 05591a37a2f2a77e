/**
 * One cluster over two guests, joined by a virtual wire: node-a, its pods, the client and what lies between on the one,
 * node-b and its pods on the other, each with its own kernel and its own clock. Each is traced where it is.
 */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer, Terminal } from '../../scripts/vm/machine.ts';
import type { Suite } from '../../scripts/vm/suites.ts';
import { wire } from '../../scripts/vm/wire.ts';
import type { TracedLab } from '../live/trace-lab.ts';
import type { Guests } from './guests.ts';
import { READY, readTraced, RECORDING } from './traced.ts';

/** What the first machine dialled and told by itself, and the recordings of both. */
export interface TracedTwice {
  readonly run: TracedLab;
  readonly recordings: readonly [string, string];
}

const SECONDS = 1_800;

export async function traceTwice(
  guests: Guests,
  [first, second]: readonly [Suite, Suite],
): Promise<TracedTwice> {
  const [endA, endB] = wire(await mkdtemp(join(guests.folder, 'wire-')));
  const a = start(guests, 'a', first, endA);
  const b = start(guests, 'b', second, endB);
  // One that fails says why; the other is not waited for.
  await Promise.race([Promise.all([a.ready, b.ready]), a.answer, b.answer]);
  a.proceed();
  const { folder } = await a.answer;
  b.proceed();
  const other = await b.answer;
  return {
    run: await readTraced(join(folder, 'part-a')),
    recordings: [join(folder, 'part-a', RECORDING), join(other.folder, 'part-b', RECORDING)],
  };
}

interface Started {
  readonly answer: Promise<Answer>;
  /** All is attached. */
  readonly ready: Promise<unknown>;
  proceed(): void;
}

function start(guests: Guests, part: 'a' | 'b', suite: Suite, devices: readonly string[]): Started {
  let resolve: (terminal: Terminal) => void = () => undefined;
  const terminal = new Promise<Terminal>((given) => {
    resolve = given;
  });
  const answer = guests.run(suite, {
    hostname: `machine-${part}`,
    command: `traced-lab part-${part} -- --probes tracepoint --no-l7`,
    seconds: SECONDS,
    devices,
    talk: resolve,
  });
  // Where one fails the other is ended, and nobody asks any more how.
  answer.catch(() => undefined);
  return {
    answer,
    ready: terminal.then(saysReady),
    proceed: () => void terminal.then(({ input }) => input.write('proceed\n')),
  };
}

async function saysReady({ output }: Terminal): Promise<void> {
  await new Promise<void>((resolve) => {
    createInterface(output).on('line', (line) => {
      if (line.trim() === READY) resolve();
    });
  });
}
