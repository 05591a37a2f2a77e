/**
 * What tracing costs the node: the rate of connections or requests through a DNAT and MASQUERADE router, with
 * nothing and with each tool in turn, in interleaved rounds; medians, and the share of the untraced rate.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { startLoadBench } from '../lab/load.ts';
import type { LoadBench, LoadResult } from '../lab/load.ts';
import { captureFilter } from '../../src/sources/capture/filter.ts';
import { chooseTool } from '../../src/sources/capture/tool.ts';
import { otherBpftrace } from './other-bpftrace.ts';
import { processSeconds } from './process-time.ts';

export interface Cost {
  tool: string;
  perSecond: number;
  /** Of the untraced rate; the untraced rate's own is 1. */
  share: number;
  /** Until it traced; median. */
  startSeconds: number;
  /** Its processes' share of a processor while the load ran; median. What its probes take in others is in the rate. */
  cpu: number;
  /** Requests answered in all rounds. */
  answered: number;
  /** In all rounds; undefined for tools that do not sum up. */
  told?: Told;
}

/** What nathop sums up at its end. */
export interface Told {
  requests: number;
  eventsLost: number;
  /** At least: what finds no room in a capture's buffer is noticed, and not counted one by one. */
  headsMissed: number;
}

export interface Tool {
  name: string;
  /** Starts it; resolves once it traces. */
  start(bench: LoadBench): Promise<Running>;
}

export interface Running {
  /** None where nothing runs. */
  readonly pid?: number | undefined;
  /** @returns what it sums up, if it does */
  stop(): Promise<Told | undefined>;
}

export const CONCURRENCY = 16;

export const PATH = ['--detail', 'path'];
const NAT = ['--detail', 'nat'];

/** In a guest, where it takes a minute to attach. */
const PRECISE_ROUNDS = { rounds: 3, seconds: 5 };

interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

/** Of short connections, next to what one would run instead. */
export async function measureCost(how: Rounds): Promise<Cost[]> {
  const newer = await otherBpftrace('sid');
  const tools: Tool[] = [
    nathop('nathop path', PATH),
    nathop('nathop nat', NAT),
    ...(newer === undefined
      ? []
      : [
          nathop('nathop path, bpftrace of sid', PATH, newer),
          nathop('nathop nat, bpftrace of sid', NAT, newer),
        ]),
    inRouter('conntrack -E', ['conntrack', '-E']),
    inRouter('conntrack -E -e NEW,DESTROY', ['conntrack', '-E', '-e', 'NEW,DESTROY']),
    inRouter('tcpdump -i any -w /dev/null', ['tcpdump', '-i', 'any', '-w', '/dev/null']),
  ];
  return measureTools(tools, how);
}

/** Of HTTP requests, so many on each connection: nathop with and without their heads, and a capture of the same. */
export async function measureHeadCost(requests: number, how: Rounds): Promise<Cost[]> {
  const capture = (await chooseTool('dist/capture-child.js'))?.name ?? 'nothing';
  const filter = captureFilter({ ownLoopback: true });
  const tools: Tool[] = [
    nathop('nathop path --no-l7', [...PATH, '--no-l7']),
    nathop(`nathop path, heads by ${capture}`, PATH),
    inRouter('tcpdump with its filter', ['tcpdump', '-i', 'any', '-w', '/dev/null', filter]),
  ];
  return measureTools(tools, { ...how, requests });
}

/** Of the precise set beside tracepoints alone, and beside another tracer of the kernel's functions. */
export async function measurePreciseCost(): Promise<Cost[]> {
  const tools: Tool[] = [
    nathop('nathop path, tracepoints', [...PATH, '--no-l7', '--probes', 'tracepoint']),
    nathop('nathop path, precise', [...PATH, '--no-l7', '--probes', 'precise']),
    nathop('nathop nat, tracepoints', [...NAT, '--no-l7', '--probes', 'tracepoint']),
    nathop('nathop nat, precise', [...NAT, '--no-l7', '--probes', 'precise']),
    inRouter('conntrack -E', ['conntrack', '-E']),
  ];
  const pwru = await pwruTool();
  return measureTools(pwru === undefined ? tools : [...tools, pwru], PRECISE_ROUNDS);
}

/** The functions that the precise set stands on, for the packets of the load alone. */
async function pwruTool(): Promise<Tool | undefined> {
  const there = await execa('pwru', ['--version'], { reject: false });
  if (there.exitCode !== 0) return undefined;
  return {
    name: 'pwru, 4 functions and a filter',
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'nathop-bench-'));
      const ready = join(folder, 'ready');
      const functions = '^(nf_nat_inet_fn|nf_nat_packet|__nf_conntrack_confirm|ip_forward)$';
      const args = ['--filter-func', functions, '--all-kmods', '--ready-file', ready, 'tcp'];
      const child = execa('pwru', args, { stdin: 'ignore', stdout: 'ignore', reject: false });
      await until(() => exists(ready));
      return {
        pid: child.pid,
        async stop() {
          child.kill('SIGINT');
          await child;
          await rm(folder, { recursive: true, force: true });
          return undefined;
        },
      };
    },
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const NOTHING: Tool = {
  name: 'nothing',
  start: () => Promise.resolve({ stop: () => Promise.resolve(undefined) }),
};

async function measureTools(
  traced: readonly Tool[],
  { rounds, ...how }: Rounds & { readonly requests?: number },
): Promise<Cost[]> {
  const tools = [NOTHING, ...traced];
  const load = { ...how, concurrency: CONCURRENCY };
  const results = new Map<string, Round[]>();
  const bench = await startLoadBench({ prefix: 'nb-' });
  try {
    await bench.measure({ ...load, seconds: 1 });
    for (let round = 0; round < rounds; round++) {
      // To and fro: what a tool leaves behind when it ends is not always borne by the same one.
      for (const tool of round % 2 === 0 ? tools : tools.toReversed()) {
        const result = await measureRound(tool, bench, load);
        results.set(tool.name, [...(results.get(tool.name) ?? []), result]);
        process.stderr.write(`  ${tool.name}: ${String(result.load.perSecond)}/s\n`);
      }
    }
  } finally {
    await bench.down();
  }
  const runsOf = (name: string): Round[] => results.get(name) ?? [];
  const rate = (name: string): number => median(runsOf(name).map(({ load }) => load.perSecond));
  return tools.map(({ name }) => {
    const runs = runsOf(name);
    const told = runs.flatMap((run) => run.told ?? []);
    return {
      tool: name,
      perSecond: rate(name),
      share: Math.round((rate(name) / rate(NOTHING.name)) * 100) / 100,
      startSeconds: median(runs.map(({ startSeconds }) => startSeconds)),
      cpu: median(runs.map(({ cpu }) => cpu)),
      answered: runs.reduce((sum, { load }) => sum + load.requests, 0),
      ...(told.length > 0 && { told: told.reduce(plus) }),
    };
  });
}

interface Round {
  readonly load: LoadResult;
  readonly told: Told | undefined;
  readonly startSeconds: number;
  readonly cpu: number;
}

async function measureRound(
  tool: Tool,
  bench: LoadBench,
  load: Parameters<LoadBench['measure']>[0],
): Promise<Round> {
  const began = performance.now();
  const running = await tool.start(bench);
  const startSeconds = (performance.now() - began) / 1000;
  const taken = (): Promise<number> =>
    running.pid === undefined ? Promise.resolve(0) : processSeconds(running.pid);
  const before = await taken();
  const result = await bench.measure(load);
  const cpu = ((await taken()) - before) / result.seconds;
  return { load: result, told: await running.stop(), startSeconds, cpu };
}

const plus = (a: Told, b: Told): Told => ({
  requests: a.requests + b.requests,
  eventsLost: a.eventsLost + b.eventsLost,
  headsMissed: a.headsMissed + b.headsMissed,
});

/** As a user runs it: its output is written and thrown away. */
export function nathop(name: string, options: readonly string[], path?: string): Tool {
  return {
    name,
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'nathop-bench-'));
      const ready = join(folder, 'ready');
      const args = ['dist/nathop.js', 'trace', '-o', 'json', ...options, '--ready-file', ready];
      const child = execa(process.execPath, args, {
        stdin: 'ignore',
        stdout: 'ignore',
        reject: false,
        env: path === undefined ? {} : { PATH: `${path}:${process.env['PATH'] ?? ''}` },
      });
      await until(() => exists(ready));
      return {
        pid: child.pid,
        async stop() {
          child.kill('SIGINT');
          const { stderr } = await child;
          await rm(folder, { recursive: true, force: true });
          // The last line sums up what was said before.
          const sum = stderr.trimEnd().split('\n').at(-1) ?? '';
          const [, finished, open, lost] =
            /(\d+) requests?, (\d+) open,.* (\d+) events? lost$/.exec(sum) ?? [];
          if (lost === undefined) throw new Error(`${name} did not end as it should: ${sum}`);
          const [, missed = 0] = /(\d+) message heads? missed/.exec(sum) ?? [];
          return {
            requests: Number(finished) + Number(open),
            eventsLost: Number(lost),
            headsMissed: Number(missed),
          };
        },
      };
    },
  };
}

/** A tool that watches the router's namespace. */
function inRouter(name: string, command: readonly string[]): Tool {
  return {
    name,
    async start({ router }) {
      const child = execa('ip', ['netns', 'exec', router, ...command], {
        stdin: 'ignore',
        stdout: 'ignore',
        reject: false,
      });
      await sleep(700);
      if (child.exitCode !== null) throw new Error(`${name} did not run: ${(await child).stderr}`);
      return {
        pid: child.pid,
        async stop() {
          child.kill('SIGINT');
          await child;
          return undefined;
        },
      };
    },
  };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  // An emulated machine takes most of it.
  for (let tries = 0; tries < 2_400; tries++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it did not become ready within 2 min');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
