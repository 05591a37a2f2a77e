/**
 * One cluster over two guests, joined by a virtual wire: node-a, its pods, the client and what lies between on the one,
 * node-b and its pods on the other, each with its own kernel and its own clock. Each is traced where it is; the two
 * recordings are merged here.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Answer, Terminal } from '../../scripts/vm/machine.ts';
import type { Suite } from '../../scripts/vm/suites.ts';
import { wire } from '../../scripts/vm/wire.ts';
import type { Request } from '../../src/trace/request.ts';
import { checkAny, checkLast } from '../live/scenario-checks.ts';
import { Attribution, parseRequests, type TracedLab } from '../live/trace-lab.ts';
import { runNathop } from '../support/nathop.ts';
import { emulated, Guests, releases } from './guests.ts';
import { acrossNodes, READY, readTraced, RECORDING } from './traced.ts';

const inGuests = await emulated();
const SECONDS = 900;

/** Two kernels where two are asked for. */
const [first = 'trixie', second = first] = releases;

inGuests(`a cluster over two machines, ${first} and ${second}`, () => {
  const guests = new Guests();
  let sockets: string;
  let run: TracedLab;
  let requests: readonly Request[];
  let attribution: Attribution;

  beforeAll(async () => {
    sockets = await mkdtemp(join(tmpdir(), 'nathop-wire-'));
    const [endA, endB] = wire(sockets);
    const a = start('a', first, endA);
    const b = start('b', second, endB);
    // One that fails says why; the other is not waited for.
    await Promise.race([Promise.all([a.ready, b.ready]), a.answer, b.answer]);
    a.proceed();
    const answerA = await a.answer;
    b.proceed();
    const answerB = await b.answer;
    const recordings = [join(answerA.folder, 'part-a', RECORDING), join(answerB.folder, 'part-b', RECORDING)];
    run = await readTraced(join(answerA.folder, 'part-a'));
    const merged = await runNathop(['replay', '-o', 'json', ...recordings]);
    expect(merged.status).toBe(0);
    requests = parseRequests(merged.stdout);
    attribution = new Attribution({ ...run, requests });
  });
  afterAll(async () => {
    await guests.remove();
    await rm(sockets, { recursive: true, force: true });
  });

  it.each(acrossNodes)('$row $id: $title', (scenario) => {
    const result = run.results.find((one) => one.scenario === scenario);
    for (const { dial, attempts, last } of result?.dials ?? []) {
      for (const attempt of attempts) checkAny(attribution.of(attempt));
      checkLast({ lab: run.lab, scenario, dial, attempt: last, actual: attribution.of(last) });
    }
  });

  it('ties the two clocks by packets, and says how well', () => {
    const crossed = requests.filter(({ clocks }) => clocks !== undefined);
    expect(crossed.length).toBeGreaterThan(0);
    for (const { clocks = [] } of crossed) {
      expect(clocks).toMatchObject([{ by: 'wall' }, { by: 'packets' }]);
      // An emulated machine takes milliseconds for what a real one does in microseconds; wall clocks are off by more.
      expect(clocks[1]?.uncertaintyMs).toBeLessThan(100);
      expect(clocks[1]?.handshakes).toBeGreaterThan(0);
    }
  });

  interface Started {
    readonly answer: Promise<Answer>;
    /** All is attached. */
    readonly ready: Promise<unknown>;
    proceed(): void;
  }

  function start(part: 'a' | 'b', suite: Suite, devices: readonly string[]): Started {
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
});

async function saysReady({ output }: Terminal): Promise<void> {
  await new Promise<void>((resolve) => {
    createInterface(output).on('line', (line) => {
      if (line.trim() === READY) resolve();
    });
  });
}
