/** How many connections a second nathop follows at `path` before the first event is lost. */
import { startLoadBench } from '../lab/load.ts';
import { CONCURRENCY, nathop, PATH } from './node-cost.ts';

export interface LossFigures {
  /** The highest rate at which nothing was lost; 0: lost at every one. */
  readonly whole: number;
  /** The lowest rate at which something was; undefined: at none that the machine can make. */
  readonly lossy: number | undefined;
}

const SECONDS = 4;
/** Connections under way at once: from a calm node to more than two cores can serve. */
const STEPS = [1, 4, CONCURRENCY, 64, 256];

export async function measureLoss(): Promise<LossFigures> {
  const bench = await startLoadBench({ prefix: 'nb-' });
  const rates: { perSecond: number; lost: number }[] = [];
  try {
    for (const concurrency of STEPS) {
      const running = await nathop('nathop path', PATH).start(bench);
      const { perSecond } = await bench.measure({ seconds: SECONDS, concurrency });
      const told = await running.stop();
      rates.push({ perSecond, lost: told?.eventsLost ?? 0 });
    }
  } finally {
    await bench.down();
  }
  const lossy = rates.filter(({ lost }) => lost > 0).map(({ perSecond }) => perSecond);
  const first = lossy.length === 0 ? undefined : Math.min(...lossy);
  const whole = rates.filter(({ lost, perSecond }) => lost === 0 && perSecond < (first ?? Infinity));
  return { whole: Math.max(0, ...whole.map(({ perSecond }) => perSecond)), lossy: first };
}
