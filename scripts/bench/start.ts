/** From the command to the first hop on stdout, on the lab's smallest scenario repeated meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { startLoadBench } from '../lab/load.ts';
import { median } from './node-cost.ts';

/** @returns milliseconds from start to the first request printed, median of the runs */
export async function measureStart(runs: number): Promise<number> {
  const bench = await startLoadBench({ prefix: 'nb-' });
  const times: number[] = [];
  try {
    for (let run = 0; run < runs; run++) times.push(await firstHop(bench));
  } finally {
    await bench.down();
  }
  return Math.round(median(times));
}

async function firstHop(bench: Awaited<ReturnType<typeof startLoadBench>>): Promise<number> {
  const began = performance.now();
  const child = execa(process.execPath, ['dist/nathop.js', 'trace', '-o', 'json', '-c', '1'], {
    stdin: 'ignore',
    reject: false,
  });
  const first = new Promise<number>((resolve) => {
    child.stdout.once('data', () => {
      resolve(performance.now() - began);
    });
  });
  while (child.exitCode === null) {
    await bench.measure({ seconds: 0.05, concurrency: 1 });
    await sleep(20);
  }
  return first;
}
