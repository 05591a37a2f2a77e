/**
 * No false alarms: an ordinary day raises none, however its events come. What a port scan finds closed is refused, and
 * that is told; it is counted here, and nothing else may be.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { Request } from '../../src/trace/request.ts';
import { isTraffic, newEngine, requestsOf } from '../support/engine.ts';
import { BEGIN, cutAt, MS, ordinary, PATTERNS, plan, SCANNED } from '../support/ordinary.ts';
import type { Plan } from '../support/ordinary.ts';
import { saidTwice, throughWindow, withLosses } from '../support/unsettled.ts';

const plans = fc.array(plan(1), { minLength: 1, maxLength: 30 });

const FAILED: ReadonlySet<string> = new Set(['refused', 'rejected', 'dropped', 'unanswered']);

/** What cries wolf, in words that name it. */
const alarms = (requests: readonly Request[]): string[] =>
  requests
    .filter((request) => !isOfScan(request) && (request.failure !== undefined || FAILED.has(request.state)))
    .map(({ state, failure, dialled, protocol }) =>
      [protocol, dialled.ip, dialled.port, state, failure?.kind, failure?.text].join(' '),
    );

const isOfScan = ({ failure, dialled }: Request): boolean =>
  failure?.kind === 'refused' && dialled.ip === '10.100.0.2' && (dialled.port ?? 0) <= SCANNED;

const scansIn = (planned: readonly Plan[]): number =>
  planned.filter(({ pattern }) => pattern === 'port-scan').length;

/** A machine that is busy with other tests takes several times as long. */
describe('ordinary traffic', { timeout: 120_000 }, () => {
  it.each(PATTERNS)('is no failure: %s', (pattern) => {
    for (const one of fc.sample(plan(1), { numRuns: 20, seed: 1 })) {
      const told = requestsOf(ordinary([{ ...one, pattern, start: 0 }]));
      expect(alarms(told)).toEqual([]);
      expect(told.filter(isOfScan)).toHaveLength(pattern === 'port-scan' ? SCANNED : 0);
    }
  });

  it('is none beside other traffic, and in the view neither', () => {
    fc.assert(
      fc.property(plans, (planned) => {
        const engine = newEngine();
        const shown = new Map<string, Request>();
        const told: Request[] = [];
        for (const [index, event] of ordinary(planned).entries()) {
          const ended = engine.apply(event);
          told.push(...ended);
          for (const request of ended) shown.set(request.id, request);
          if (index % 50 !== 0) continue;
          for (const request of engine.changes().requests) shown.set(request.id, request);
        }
        expect(alarms(told)).toEqual([]);
        expect(alarms([...shown.values()])).toEqual([]);
        expect(told.filter(isOfScan)).toHaveLength(scansIn(planned) * SCANNED);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it('is none where the trace is cut off in its midst', () => {
    fc.assert(
      fc.property(plans, fc.nat(3_600_000), (planned, end) => {
        expect(alarms(requestsOf(cutAt(ordinary(planned), BEGIN + end * MS)))).toEqual([]);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  it('is none where tracing begins in its midst', () => {
    fc.assert(
      fc.property(plans, fc.nat(3_600_000), (planned, start) => {
        const heard = ordinary(planned).filter(
          (event) => (!isTraffic(event) && event.kind !== 'head') || event.at > BEGIN + start * MS,
        );
        expect(alarms(requestsOf(heard))).toEqual([]);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('is none where events come late or twice', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (planned, seed) => {
        const events = ordinary(planned);
        expect(alarms(requestsOf(throughWindow(events, seed)))).toEqual([]);
        expect(alarms(requestsOf(saidTwice(events, seed)))).toEqual([]);
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  it('is none where events are lost', () => {
    fc.assert(
      fc.property(plans, fc.nat(), fc.integer({ min: 1, max: 60 }), (planned, seed, percent) => {
        expect(alarms(requestsOf(withLosses(ordinary(planned), seed, percent / 100)))).toEqual([]);
      }),
      { numRuns: 150, seed: 6 },
    );
  });

  it('is none where heads are missed', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 9 }), (planned, tenths) => {
        // A server that resets where it should close is told from a broken one by its answer's head alone.
        const heard = planned.filter(({ pattern }) => pattern !== 'answered-then-reset');
        const missed = ordinary(heard).map((event, index): Event =>
          event.kind === 'head' && index % 10 < tenths
            ? { kind: 'heads-missed', at: event.at, count: 1, where: 'kernel' }
            : event,
        );
        expect(alarms(requestsOf(missed))).toEqual([]);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

it(
  'a whole day of it raises no alarm, and what is held stays as much as is open',
  { timeout: 120_000 },
  () => {
    const planned = fc.sample(plan(24), { numRuns: 8_000, seed: 8 });
    const engine = newEngine({ maxConnections: 10_000 });
    let requests = 0;
    let refused = 0;
    let held = 0;
    const wrong: string[] = [];
    for (const event of ordinary(planned, 1_000)) {
      const told = engine.apply(event);
      requests += told.length;
      refused += told.filter(isOfScan).length;
      wrong.push(...alarms(told));
      held = Math.max(held, engine.stats.open);
    }
    wrong.push(...alarms(engine.open()));
    expect(wrong).toEqual([]);
    expect(refused).toBe(scansIn(planned) * SCANNED);
    expect(requests).toBeGreaterThan(10_000);
    expect(engine.stats.evicted).toBe(0);
    // Of these, entries that the table at the start had are held until somebody needs their room.
    expect(held).toBeLessThan(planned.length / 3);
  },
);
