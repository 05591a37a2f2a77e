/**
 * What tracing costs the node: the rate of connections or requests through a DNAT and MASQUERADE router, with
 * nothing and with each tool in turn, in interleaved rounds; medians, and the share of the untraced rate.
 */
import { execa } from 'execa';
import { captureFilter } from '../../src/sources/capture/filter.ts';
import { chooseTool } from '../../src/sources/capture/tool.ts';
import type { LoadBench, LoadResult } from '../lab/load.ts';
import { onLoad } from './on-load.ts';
import { otherBpftrace } from './other-bpftrace.ts';
import { processSeconds } from './process-time.ts';
import { inRouter, nathop, NOTHING, pwru, whileTracing, type Told, type Tool, type Traced } from './tools.ts';

export interface Cost {
  tool: string;
  perSecond: number;
  /** Of the untraced rate; the untraced rate's own is 1. */
  share: number;
  /** Until it traced, of those that say so; median. */
  startSeconds?: number;
  /** Its processes' share of a processor while the load ran; median. What its probes take in others is in the rate. */
  cpu: number;
  /** Requests answered in all rounds. */
  answered: number;
  /** In all rounds, of tools that sum up. */
  told?: Told;
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
  return measureTools((await isInstalled('pwru')) ? [...tools, pwru] : tools, PRECISE_ROUNDS);
}

const isInstalled = async (program: string): Promise<boolean> =>
  !(await execa(program, ['--version'], { reject: false })).failed;

async function measureTools(
  traced: readonly Tool[],
  { rounds, ...how }: Rounds & { readonly requests?: number },
): Promise<Cost[]> {
  const tools = [NOTHING, ...traced];
  const load = { ...how, concurrency: CONCURRENCY };
  const results = new Map<string, Round[]>();
  await onLoad(async (bench, signal) => {
    await bench.measure({ ...load, seconds: 1 });
    for (let round = 0; round < rounds; round++) {
      // To and fro: what a tool leaves behind when it ends is not always borne by the same one.
      for (const tool of round % 2 === 0 ? tools : tools.toReversed()) {
        const traced = await measureRound(tool, bench, load, signal);
        results.set(tool.name, [...(results.get(tool.name) ?? []), traced]);
        process.stderr.write(`  ${tool.name}: ${String(traced.result.load.perSecond)}/s\n`);
      }
    }
  });
  const runsOf = (name: string): Round[] => results.get(name) ?? [];
  const rate = (name: string): number => median(runsOf(name).map(({ result }) => result.load.perSecond));
  return tools.map(({ name }) => {
    const runs = runsOf(name);
    const starts = runs.flatMap(({ startSeconds }) => startSeconds ?? []);
    const told = runs.flatMap((run) => run.told ?? []);
    return {
      tool: name,
      perSecond: rate(name),
      share: Math.round((rate(name) / rate(NOTHING.name)) * 100) / 100,
      ...(starts.length > 0 && { startSeconds: median(starts) }),
      cpu: median(runs.map(({ result }) => result.cpu)),
      answered: runs.reduce((sum, { result }) => sum + result.load.requests, 0),
      ...(told.length > 0 && { told: told.reduce(plus) }),
    };
  });
}

type Round = Traced<{ readonly load: LoadResult; readonly cpu: number }>;

const measureRound = (
  tool: Tool,
  bench: LoadBench,
  load: Parameters<LoadBench['measure']>[0],
  signal: AbortSignal,
): Promise<Round> =>
  whileTracing(tool, bench, signal, async (pid) => {
    const taken = (): Promise<number> => (pid === undefined ? Promise.resolve(0) : processSeconds(pid));
    const before = await taken();
    const result = await bench.measure(load);
    return { load: result, cpu: ((await taken()) - before) / result.seconds };
  });

const plus = (a: Told, b: Told): Told => ({
  requests: a.requests + b.requests,
  eventsLost: a.eventsLost + b.eventsLost,
  headsMissed: a.headsMissed + b.headsMissed,
});

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
