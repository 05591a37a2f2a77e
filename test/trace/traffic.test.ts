import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { contradictions, newEngine, requestsOf } from '../support/engine.ts';
import { networkOf, plans, toldOf, traffic } from '../support/traffic.ts';
import type { Truth } from '../support/traffic.ts';
import { saidTwice, throughWindow, withLosses } from '../support/unsettled.ts';

const sorted = (truths: readonly Truth[]): string[] =>
  truths.map((truth) => JSON.stringify(truth, undefined, 1)).sort();

describe('the engine on made up traffic', () => {
  it('tells each connection as it was, though networks share addresses and ports are used again', () => {
    fc.assert(
      fc.property(plans, (planned) => {
        const { events, truths } = traffic(planned);
        expect(sorted(requestsOf(events).map(toldOf))).toEqual(sorted(truths));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('tells the same of events that arrive shuffled within the window', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (planned, seed) => {
        const { events } = traffic(planned);
        const ordered = throughWindow(events, seed);
        expect(ordered).toHaveLength(events.length);
        expect(ordered.map(({ kind }) => kind)).not.toContain('lost');
        expect(ordered.map(({ at }) => at)).toEqual(events.map(({ at }) => at));
        expect(sorted(requestsOf(ordered).map(toldOf))).toEqual(sorted(requestsOf(events).map(toldOf)));
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('takes what is said twice as said once', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (planned, seed) => {
        const { events } = traffic(planned);
        const twice = saidTwice(events, seed);
        expect(requestsOf(twice)).toEqual(requestsOf(events));
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('says less where events were lost, and nothing else', () => {
    fc.assert(
      fc.property(
        plans,
        fc.nat(),
        fc.double({ min: 0.02, max: 0.6, noNaN: true }),
        (planned, seed, share) => {
          // No port is used twice: of two connections with the same tuple, the end of the first being lost and the
          // beginning of the second, nobody can tell what is whose.
          const { events } = traffic(planned, Infinity);
          const truth = requestsOf(events);
          const told = requestsOf(withLosses(events, seed, share));
          for (const request of told) {
            // Datagrams do not say which side asked, and it says so.
            if (request.inferred.some((note) => note.startsWith('which side asked was not seen'))) continue;
            expect({ request, wrong: contradictions(request, truth) }).toEqual({ request, wrong: [] });
            expect(networksOf(request).size).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 300, seed: 4 },
    );
  });

  it('holds no more connections than it may, and gives out each that had to go', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 8 }), (planned, maxConnections) => {
        const { events } = traffic(planned);
        const engine = newEngine({ maxConnections });
        const told: Request[] = [];
        for (const event of events) {
          told.push(...engine.apply(event));
          expect(engine.stats.open).toBeLessThanOrEqual(maxConnections);
        }
        told.push(...engine.open());
        const early = told.filter(({ inferred }) =>
          inferred.some((note) => note.includes('--max-connections')),
        );
        expect(early.length).toBeLessThanOrEqual(engine.stats.evicted);
        const starts = new Set(told.map(({ id }) => id));
        for (const { id } of requestsOf(events)) expect(starts).toContain(id);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});

function networksOf({ hops, replyHops }: Request): Set<number> {
  return new Set([...hops, ...replyHops].map(({ netns }) => networkOf(netns?.inum ?? 0)));
}
