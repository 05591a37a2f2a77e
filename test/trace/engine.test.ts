import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { ReorderWindow } from '../../src/trace/reorder.ts';
import type { Request } from '../../src/trace/request.ts';
import { isTraffic, newEngine, recorded, requestsOf } from '../support/engine.ts';

const SYN = 2;

/** Real packets of every scenario, in the order in which the engine took them. */
const events = recorded('iptables');
const traffic = events.flatMap((event, index) => (isTraffic(event) ? [index] : []));

const whole = requestsOf(events);
const verdicts = new Map(whole.map((request) => [request.id, request.clientIp.verdict]));

describe('the engine on real packets', () => {
  it('gives stable and unique ids', () => {
    expect(whole.length).toBeGreaterThan(50);
    expect(verdicts.size).toBe(whole.length);
    expect(requestsOf(events)).toEqual(whole);
  });

  it('does not mind events that arrive late by less than the window', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: 0, max: 45_000_000 })), (lateness) => {
        const arrivals = events.map((event, index) => {
          const late = isTraffic(event) ? (lateness.next().value as number) : 0;
          return { event, at: event.at + late, index };
        });
        arrivals.sort((a, b) => a.at - b.at || a.index - b.index);
        const ordered: Event[] = [];
        const window = new ReorderWindow((event) => ordered.push(event));
        for (const { event } of arrivals) window.push(event);
        window.flush();
        const times = ordered.map(({ at }) => at);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(ordered.filter(({ kind }) => kind === 'lost')).toEqual([]);
        expect(ordered).toHaveLength(events.length);
      }),
      { numRuns: 10, seed: 1 },
    );
  });

  it('takes an event twice as once', () => {
    const twice = events.flatMap((event): Event[] => (event.kind === 'packet' ? [event, event] : [event]));
    const told = (requests: readonly Request[]): unknown =>
      requests.map(({ id, state, hops, clientIp }) => ({ id, state, hops, clientIp }));
    expect(told(requestsOf(twice))).toEqual(told(whole));
  });

  it('never turns a verdict round where events were lost', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(traffic.length - 1), { maxLength: 60 }), (chosen) => {
        const lost = new Set(chosen.map((n) => traffic[n]));
        const stream = events.map((event, index): Event =>
          lost.has(index) ? { kind: 'lost', at: event.at, count: 1, where: 'kernel' } : event,
        );
        for (const { id, clientIp } of requestsOf(stream)) {
          const truth = verdicts.get(id);
          if (truth === undefined || clientIp.verdict === 'unknown') continue;
          expect(clientIp.verdict).toBe(truth === 'unknown' ? clientIp.verdict : truth);
        }
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it('keeps the way of a first packet sent again of which the beginning was not told the second time', () => {
    const firsts = new Map<string, number>();
    const again = events.filter((event) => {
      if (event.kind !== 'packet' || event.flags !== SYN || event.inIfindex !== 0) return false;
      const key = `${String(event.seq)} ${event.tuple.src} ${String(event.tuple.sport)}`;
      const first = firsts.get(key) ?? event.at;
      firsts.set(key, first);
      return event.at - first > 500_000_000;
    });
    expect(again.length).toBeGreaterThan(3);
    const places = (requests: readonly Request[]): unknown =>
      requests.map(({ id, hops }) => ({ id, hops: hops.map(({ kind, netns }) => [kind, netns?.name]) }));
    const missed = new Set(again);
    expect(places(requestsOf(events.filter((event) => !missed.has(event))))).toEqual(places(whole));
  });

  it('gives up the oldest when there are too many, and says so', () => {
    const few = requestsOf(events, newEngine({ maxConnections: 5 }));
    expect(few.some(({ inferred }) => inferred.some((note) => note.includes('--max-connections')))).toBe(
      true,
    );
  });
});
