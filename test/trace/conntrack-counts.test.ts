import { expect, it } from 'vitest';
import type { ConntrackStatsEvent } from '../../src/events/event.ts';
import { ConntrackCounts } from '../../src/trace/conntrack-counts.ts';

const look = (at: number, counts: Partial<ConntrackStatsEvent>): ConntrackStatsEvent => ({
  ...{ kind: 'conntrack-stats', netns: 7, max: 1_000, at },
  ...{ entries: 0, insertFailed: 0, drop: 0, earlyDrop: 0, clashResolved: 0, searchRestart: 0, invalid: 0 },
  ...counts,
});
const lookedAt = (...looks: readonly ConntrackStatsEvent[]): ConntrackCounts => {
  const counts = new ConntrackCounts();
  for (const one of looks) counts.take(one);
  return counts;
};

it('a table was full when its count of drops rose around the drop, though it is empty by now', () => {
  const counts = lookedAt(
    look(10, { entries: 5 }),
    look(20, { entries: 1_000, drop: 1 }),
    look(30, { drop: 1 }),
  );
  expect(counts.full(7, 15)).toMatchObject({ entries: 1_000, drop: 1 });
  expect(counts.full(7, 25)).toBeUndefined();
  expect(counts.full(7, 35)).toBeUndefined();
  expect(counts.full(8, 15)).toBeUndefined();
});

it('emptied before the look that counted the drop, it was as full as the look before found it', () => {
  const counts = lookedAt(look(10, { entries: 990 }), look(20, { entries: 3, drop: 2 }));
  expect(counts.full(7, 12)).toMatchObject({ entries: 990, drop: 2 });
});

it('the first look tells of what was before it', () => {
  expect(lookedAt(look(20, { entries: 1_000, drop: 1 })).full(7, 15)).toBeDefined();
  expect(lookedAt(look(20, { entries: 1_000 })).full(7, 15)).toBeUndefined();
});

it('a table that was full when last looked at is so until the next look', () => {
  expect(lookedAt(look(20, { entries: 1_000 })).full(7, 25)).toBeDefined();
});

it('drops of a table with room have another cause', () => {
  expect(lookedAt(look(10, {}), look(20, { entries: 500, drop: 1 })).full(7, 15)).toBeUndefined();
});
