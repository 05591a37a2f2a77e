/** What is measured on a load stands between three namespaces, which go however the bench ends. */
import process from 'node:process';
import { kept } from '../lab/keeper.ts';
import { startLoadBench, type LoadBench } from '../lab/load.ts';
import { stopOnSignals } from '../lab/stop.ts';

const PREFIX = 'nb-';

/** Not before there is something to remove: what takes the processor alone is ended as any program is. */
let stopping: AbortController | undefined;

/** @param measure waits for nothing once the signal is aborted, and leaves nothing running */
export async function onLoad<T>(measure: (bench: LoadBench, signal: AbortSignal) => Promise<T>): Promise<T> {
  stopping ??= stopOnSignals();
  const { signal } = stopping;
  try {
    const bench = await kept(PREFIX, () => startLoadBench({ prefix: PREFIX, signal }));
    try {
      return await measure(bench, signal);
    } finally {
      await bench.down();
    }
  } finally {
    // With the status that the signal gave.
    if (signal.aborted) process.exit();
  }
}
