/** From the command to the first hop on stdout, on the lab's smallest scenario repeated meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { tied } from '../../src/cluster/netns/tied.ts';
import type { LoadBench } from '../lab/load.ts';
import { median } from './node-cost.ts';
import { onLoad } from './on-load.ts';

/** @returns milliseconds from start to the first request printed, median of the runs */
export async function measureStart(runs: number): Promise<number> {
  const times: number[] = [];
  await onLoad(async (bench, signal) => {
    for (let run = 0; run < runs; run++) times.push(await firstHop(bench, signal));
  });
  return Math.round(median(times));
}

async function firstHop(bench: LoadBench, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const nathop = tied('TERM', [process.execPath, 'dist/nathop.js', 'trace', '-o', 'json', '-c', '1']);
  const child = execa(...nathop, { stdin: 'ignore', reject: false, cancelSignal: signal });
  const first = new Promise<number>((resolve) => {
    child.stdout.once('data', () => {
      resolve(performance.now() - began);
    });
  });
  try {
    while (child.exitCode === null) {
      await bench.measure({ seconds: 0.05, concurrency: 1 });
      await sleep(20);
    }
    return await first;
  } finally {
    child.kill();
    await child;
  }
}
