/** What traces while a load is made: nathop, and what one would run instead. Each is started, and ends, as this says. */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { tied } from '../../src/cluster/netns/tied.ts';
import type { LoadBench } from '../lab/load.ts';

type Command = readonly [string, ...string[]];

export interface Tool {
  readonly name: string;
  /** What is run, with the file that it is to make once it traces. Without a command the load alone is measured. */
  readonly command?: (bench: LoadBench, ready: string) => Command;
  /** It can make that file. */
  readonly saysReady?: true;
  readonly environment?: Readonly<Record<string, string>>;
  /** Reads what it sums up at its end, if it does. */
  readonly sum?: (stderr: string) => Told;
}

/** What nathop sums up at its end. */
export interface Told {
  requests: number;
  eventsLost: number;
  /** At least: what finds no room in a capture's buffer is noticed, and not counted one by one. */
  headsMissed: number;
}

export interface Traced<T> {
  readonly result: T;
  /** Until it said that it traced. */
  readonly startSeconds?: number;
  readonly told?: Told;
}

/** For what cannot say that it traces. */
const UNSAID_MS = 700;
/** An emulated machine takes most of it; nathop itself gives up sooner, and says why. */
const READY_LIMIT_MS = 660_000;

export const NOTHING: Tool = { name: 'nothing' };

/** As a user runs it: its output is written and thrown away. */
export const nathop = (name: string, options: readonly string[], path?: string): Tool => ({
  name,
  command: (_bench, ready) => [
    ...([process.execPath, 'dist/nathop.js', 'trace', '-o', 'json'] as const),
    ...options,
    ...['--ready-file', ready],
  ],
  saysReady: true,
  ...(path !== undefined && { environment: { PATH: `${path}:${process.env['PATH'] ?? ''}` } }),
  sum: (stderr) => {
    // The last line sums up what was said before.
    const sum = stderr.trimEnd().split('\n').at(-1) ?? '';
    const [, finished, open, lost] = /(\d+) requests?, (\d+) open,.* (\d+) events? lost$/.exec(sum) ?? [];
    if (lost === undefined) throw new Error(`${name} did not end as it should: ${sum}`);
    const [, missed = 0] = /(\d+) message heads? missed/.exec(sum) ?? [];
    return {
      requests: Number(finished) + Number(open),
      eventsLost: Number(lost),
      headsMissed: Number(missed),
    };
  },
});

/** A tool that watches the router's namespace. */
export const inRouter = (name: string, command: Command): Tool => ({
  name,
  command: ({ router }) => ['ip', 'netns', 'exec', router, ...command],
});

/** The functions that the precise set stands on, for the packets of the load alone. Its help does not show --ready-file. */
export const pwru: Tool = {
  name: 'pwru, 4 functions and a filter',
  command: (_bench, ready) => [
    ...([
      'pwru',
      '--filter-func',
      '^(nf_nat_inet_fn|nf_nat_packet|__nf_conntrack_confirm|ip_forward)$',
    ] as const),
    ...['--all-kmods', '--ready-file', ready, 'tcp'],
  ],
  saysReady: true,
};

/** @param during given the tool's process, once it traces; where nothing is run it has none */
export async function whileTracing<T>(
  tool: Tool,
  bench: LoadBench,
  signal: AbortSignal,
  during: (pid: number | undefined) => Promise<T>,
): Promise<Traced<T>> {
  if (tool.command === undefined) return { result: await during(undefined) };
  const folder = await mkdtemp(join(tmpdir(), 'nathop-bench-'));
  const ready = join(folder, 'ready');
  const began = performance.now();
  const child = start(tool, tool.command(bench, ready), signal);
  try {
    if (tool.saysReady !== true) await sleep(UNSAID_MS, undefined, { signal });
    else while (!(await exists(ready))) await stillStarts(tool, child, began, signal);
    const startSeconds = (performance.now() - began) / 1000;
    const result = await during(child.pid);
    await assertRuns(tool, child);
    child.kill('SIGINT');
    const { stderr } = await child;
    return {
      result,
      ...(tool.saysReady && { startSeconds }),
      ...(tool.sum && { told: tool.sum(stderr) }),
    };
  } finally {
    child.kill();
    await child;
    await rm(folder, { recursive: true, force: true });
  }
}

type Child = ReturnType<typeof start>;

/** It ends with us, however we end. */
const start = ({ environment = {} }: Tool, command: Command, signal: AbortSignal) =>
  execa(...tied('TERM', command), {
    stdin: 'ignore',
    stdout: 'ignore',
    reject: false,
    env: environment,
    cancelSignal: signal,
  });

/** @throws where there is nothing to wait for */
async function stillStarts(tool: Tool, child: Child, began: number, signal: AbortSignal): Promise<void> {
  await sleep(50, undefined, { signal });
  await assertRuns(tool, child);
  if (performance.now() - began > READY_LIMIT_MS) throw new Error(`${tool.name} did not become ready`);
}

async function assertRuns({ name }: Tool, child: Child): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) return;
  const { shortMessage, stderr } = await child;
  throw new Error(`${name} ended by itself: ${shortMessage ?? ''}\n${stderr}`);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
