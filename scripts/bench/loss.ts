/** How many connections a second nathop follows at `path` before the first event is lost. */
import { CONCURRENCY, PATH } from './node-cost.ts';
import { onLoad } from './on-load.ts';
import { nathop, whileTracing } from './tools.ts';

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
  const rates: { perSecond: number; lost: number }[] = [];
  await onLoad(async (bench, signal) => {
    for (const concurrency of STEPS) {
      const { result, told } = await whileTracing(nathop('nathop path', PATH), bench, signal, () =>
        bench.measure({ seconds: SECONDS, concurrency }),
      );
      rates.push({ perSecond: result.perSecond, lost: told?.eventsLost ?? 0 });
    }
  });
  const lossy = rates.filter(({ lost }) => lost > 0).map(({ perSecond }) => perSecond);
  const first = lossy.length === 0 ? undefined : Math.min(...lossy);
  const whole = rates.filter(({ lost, perSecond }) => lost === 0 && perSecond < (first ?? Infinity));
  return { whole: Math.max(0, ...whole.map(({ perSecond }) => perSecond)), lossy: first };
}
