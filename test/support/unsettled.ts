/** What befalls a stream of events between the kernel and the engine: late, twice, not at all. */
import type { Event } from '../../src/events/event.ts';
import { ReorderWindow } from '../../src/trace/reorder.ts';
import { isTraffic } from './engine.ts';

/** Late by up to 45 ms each, and put in order by the window. */
export function throughWindow(events: readonly Event[], seed: number): Event[] {
  const arrivals = events.map((event, index) => {
    const late = isTraffic(event) ? chance(seed, index) * 45_000_000 : 0;
    return { event, at: event.at + late, index };
  });
  arrivals.sort((a, b) => a.at - b.at || b.index - a.index);
  const ordered: Event[] = [];
  const window = new ReorderWindow((event) => ordered.push(event));
  for (const { event } of arrivals) window.push(event);
  window.flush();
  return ordered;
}

export const saidTwice = (events: readonly Event[], seed: number): Event[] =>
  events.flatMap((event, index) =>
    isTraffic(event) && chance(seed, index) < 0.4 ? [event, event] : [event],
  );

/** A share of them gone, as bpftrace tells it. */
export const withLosses = (events: readonly Event[], seed: number, share: number): Event[] =>
  events.map((event, index) =>
    isTraffic(event) && chance(seed, index) < share
      ? { kind: 'lost', at: event.at, count: 1, where: 'kernel' }
      : event,
  );

/** From 0 to 1, for each event of a run: a failure that is made smaller keeps its seed, and so what it was. */
function chance(seed: number, index: number): number {
  let value = Math.imul(seed ^ Math.imul(index + 1, 0x9e37_79b1), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}
