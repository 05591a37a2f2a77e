import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chanceOf, rankDistance, spreadOf } from '../../src/compare/statistics.ts';

describe("Fisher's exact test", () => {
  // The tea-tasting lady, and Agresti's table of 1992.
  it.each([
    [3, 4, 1, 4, 0.4857],
    [10, 10, 0, 10, 0.0000108],
    [1, 10, 11, 14, 0.002759],
    [5, 10, 5, 10, 1],
    [1, 1, 0, 1, 1],
    [0, 0, 3, 5, 1],
  ])('%i of %i against %i of %i', (a, n, b, m, chance) => {
    expect(chanceOf(a, n, b, m)).toBeCloseTo(chance, 4);
  });

  it('is a likelihood, and does not care which came first', () => {
    const count = fc.nat(60);
    fc.assert(
      fc.property(count, count, count, count, (a, x, b, y) => {
        const chance = chanceOf(a, a + x, b, b + y);
        expect(chance).toBeGreaterThan(0);
        expect(chance).toBeLessThanOrEqual(1);
        expect(chanceOf(b, b + y, a, a + x)).toBeCloseTo(chance, 9);
      }),
    );
  });
});

describe('the distance of ranks', () => {
  it('is that of the textbook, ties and all', () => {
    // Ranks 2, 4, 5, 6: U = 17 - 10; of 3 and 4 the mean is 6, the variance 8.
    expect(rankDistance([7, 3, 1], [2, 4, 5, 6])).toBeCloseTo((7 - 6) / Math.sqrt(8), 9);
    expect(rankDistance([1, 1, 1], [1, 1])).toBe(0);
  });

  it('changes its sign with the sides, and is none between equals', () => {
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(times, times, (before, after) => {
        expect(rankDistance(before, after)).toBeCloseTo(-rankDistance(after, before), 9);
        expect(rankDistance(before, before)).toBeCloseTo(0, 9);
      }),
    );
  });
});

it('a spread lies between its ends', () => {
  expect(spreadOf([1, 2, 3, 4, 5])).toEqual({
    count: 5,
    median: 3,
    quarter: 2,
    threeQuarters: 4,
    p95: expect.closeTo(4.8, 9) as number,
  });
  expect(spreadOf([7])).toEqual({ count: 1, median: 7, quarter: 7, threeQuarters: 7, p95: 7 });
});
