/**
 * What tracing costs the node: the rate of short connections through a DNAT and MASQUERADE router, with
 * nothing and with each tool in turn, in interleaved rounds; medians, and the share of the untraced rate.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { startLoadBench } from '../lab/load.ts';
import type { LoadBench } from '../lab/load.ts';
import { otherBpftrace } from './other-bpftrace.ts';

export interface Cost {
  tool: string;
  perSecond: number;
  /** Of the untraced rate; the untraced rate's own is 1. */
  share: number;
  /** Events that nathop said it lost, in all rounds; undefined for the others. */
  lost?: number;
}

export interface Tool {
  name: string;
  /** Starts it; resolves once it traces. */
  start(bench: LoadBench): Promise<Running>;
}

export interface Running {
  /** @returns events lost, if it tells */
  stop(): Promise<number | undefined>;
}

export const CONCURRENCY = 16;

export async function measureCost(rounds: number, seconds: number): Promise<Cost[]> {
  const newer = await otherBpftrace('sid');
  const tools: Tool[] = [
    { name: 'nothing', start: () => Promise.resolve({ stop: () => Promise.resolve(undefined) }) },
    nathop('nathop path', 'path'),
    nathop('nathop nat', 'nat'),
    ...(newer === undefined
      ? []
      : [
          nathop('nathop path, bpftrace of sid', 'path', newer),
          nathop('nathop nat, bpftrace of sid', 'nat', newer),
        ]),
    inRouter('conntrack -E', ['conntrack', '-E']),
    inRouter('conntrack -E -e NEW,DESTROY', ['conntrack', '-E', '-e', 'NEW,DESTROY']),
    inRouter('tcpdump -i any -w /dev/null', ['tcpdump', '-i', 'any', '-w', '/dev/null']),
  ];
  const rates = new Map<string, number[]>();
  const lost = new Map<string, number>();
  const bench = await startLoadBench({ prefix: 'nb-' });
  try {
    await bench.measure({ seconds: 1, concurrency: CONCURRENCY });
    for (let round = 0; round < rounds; round++) {
      for (const tool of tools) {
        const running = await tool.start(bench);
        const { perSecond } = await bench.measure({ seconds, concurrency: CONCURRENCY });
        const missed = await running.stop();
        rates.set(tool.name, [...(rates.get(tool.name) ?? []), perSecond]);
        if (missed !== undefined) lost.set(tool.name, (lost.get(tool.name) ?? 0) + missed);
        process.stderr.write(`  ${tool.name}: ${String(perSecond)}/s\n`);
      }
    }
  } finally {
    await bench.down();
  }
  const untraced = median(rates.get('nothing') ?? []);
  return tools.map(({ name }) => {
    const perSecond = median(rates.get(name) ?? []);
    const missed = lost.get(name);
    return {
      tool: name,
      perSecond,
      share: Math.round((perSecond / untraced) * 100) / 100,
      ...(missed !== undefined && { lost: missed }),
    };
  });
}

/** As a user runs it: its output is written and thrown away. */
export function nathop(name: string, detail: string, path?: string): Tool {
  return {
    name,
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'nathop-bench-'));
      const ready = join(folder, 'ready');
      const args = ['dist/nathop.js', 'trace', '-o', 'json', '--detail', detail, '--ready-file', ready];
      const child = execa(process.execPath, args, {
        stdin: 'ignore',
        stdout: 'ignore',
        reject: false,
        env: path === undefined ? {} : { PATH: `${path}:${process.env['PATH'] ?? ''}` },
      });
      await until(() =>
        access(ready).then(
          () => true,
          () => false,
        ),
      );
      return {
        async stop() {
          child.kill('SIGINT');
          const { stderr } = await child;
          await rm(folder, { recursive: true, force: true });
          const told = /(\d+) events? lost/.exec(stderr);
          return told?.[1] === undefined ? 0 : Number(told[1]);
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
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('nathop did not become ready within 30 s');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
