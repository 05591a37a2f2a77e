import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { place } from '../../../src/sources/recording/clocks.ts';
import type { Handshake, Sighting } from '../../../src/sources/recording/handshakes.ts';

/** When a packet passed, by true time, and on which machine. */
type Passage = readonly [machine: number, at: number];

interface Crossing {
  readonly syn: readonly Passage[];
  readonly synAck: readonly Passage[];
}

/** What each machine's own clock made of it; its `ahead` is how far that is from true time. */
function seenBy(ahead: readonly number[], crossings: readonly Crossing[]): Map<string, Handshake>[] {
  const sighting = (passages: readonly Passage[], machine: number): Sighting | undefined => {
    const times = passages.filter(([on]) => on === machine).map(([, at]) => at + (ahead[machine] ?? 0));
    if (times.length === 0) return undefined;
    const sentHere = passages[0]?.[0] === machine;
    return { firstAt: Math.min(...times), lastAt: Math.max(...times), sentHere };
  };
  return ahead.map(
    (_, machine) =>
      new Map(
        crossings.flatMap(({ syn, synAck }, key) => {
          const parts = { syn: sighting(syn, machine), synAck: sighting(synAck, machine) };
          return parts.syn && parts.synAck
            ? [[String(key), { syn: parts.syn, synAck: parts.synAck }] as const]
            : [];
        }),
      ),
  );
}

/** From machine to machine and back, with a delay before each step. */
function journey(start: number, machines: readonly number[], delays: readonly number[]): Crossing {
  let at = start;
  const walk = (way: readonly number[], skip: number): Passage[] =>
    way.map((machine, step) => [machine, (at += delays[skip + step] ?? 1)]);
  return { syn: walk(machines, 0), synAck: walk([...machines].reverse(), machines.length) };
}

const delays = fc.array(fc.integer({ min: 1, max: 500_000 }), { minLength: 12, maxLength: 12 });

describe('clocks of several machines', () => {
  it('are never further apart than what is told, whatever the delays', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1e9 }), delays, fc.boolean()), { minLength: 1 }),
        (ahead, wall, journeys) => {
          const crossings = journeys.map(([start, all, there]) =>
            journey(start, there ? [0, 1] : [1, 0], all),
          );
          const [first, second] = place([0, wall], seenBy([0, ahead], crossings));
          expect(first).toEqual({ shift: 0, by: 'wall' });
          expect(second?.by).toBe('packets');
          const { shift = 0, uncertainty = -1 } = second ?? {};
          // Half a nanosecond is rounded away.
          expect(Math.abs(shift + ahead)).toBeLessThanOrEqual(uncertainty + 1);
          expect(uncertainty).toBeLessThanOrEqual(Math.max(...journeys.flatMap(([, all]) => all)));
        },
      ),
    );
  });

  it('tie machines that share no connection by way of others, and leave causes before effects', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: -1e9, max: 1e9 })),
        delays,
        delays,
        ([b, c], one, two) => {
          const ahead = [0, b, c];
          const crossings = [journey(1_000, [0, 1], one), journey(9_000_000, [2, 1], two)];
          const seen = seenBy(ahead, crossings);
          const placed = place([0, 5, 7], seen);
          expect(placed.map(({ by }) => by)).toEqual(['wall', 'packets', 'packets']);
          const at = (machine: number, key: string, packet: 'syn' | 'synAck'): number =>
            (seen[machine]?.get(key)?.[packet].firstAt ?? 0) + (placed[machine]?.shift ?? 0);
          expect(at(0, '0', 'syn')).toBeLessThanOrEqual(at(1, '0', 'syn') + 1);
          expect(at(1, '0', 'synAck')).toBeLessThanOrEqual(at(0, '0', 'synAck') + 1);
          expect(at(2, '1', 'syn')).toBeLessThanOrEqual(at(1, '1', 'syn') + 1);
        },
      ),
    );
  });

  it('stay by wall time where no packet was seen on both', () => {
    const seen = seenBy([0, 40], [journey(1_000, [0], [1]), journey(2_000, [1], [1])]);
    expect(place([0, 33], seen)).toEqual([
      { shift: 0, by: 'wall' },
      { shift: 33, by: 'wall' },
    ]);
  });

  it('that drift are as uncertain as they contradict themselves', () => {
    const early = seenBy([0, 0], [journey(0, [0, 1], [10, 10, 10, 10])]);
    const late = seenBy([0, 1_000_000], [journey(0, [0, 1], [10, 10, 10, 10])]);
    const both = early.map(
      (map, machine) => new Map([...map, ['late', late[machine]?.get('0') as Handshake]]),
    );
    const [, second] = place([0, 0], both);
    expect(second?.uncertainty).toBeGreaterThan(400_000);
    expect(second?.shift).toBeCloseTo(-500_000, -3);
  });

  it('are tied by the server alone where the client is on none of them', () => {
    const { syn, synAck } = journey(0, [9, 0, 1], [10, 20, 30, 40, 50, 60]);
    const [, second] = place([0, 0], seenBy([0, 777], [{ syn, synAck }]));
    expect(second).toMatchObject({ by: 'packets', handshakes: 1 });
    expect(Math.abs((second?.shift ?? 0) + 777)).toBeLessThanOrEqual(second?.uncertainty ?? 0);
  });
});
