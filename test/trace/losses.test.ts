import { expect, it } from 'vitest';
import { Losses } from '../../src/trace/losses.ts';

const S = 1_000_000_000;

it('reach a second back, since they are told late', () => {
  const losses = new Losses();
  losses.add(10 * S, 3);
  expect(losses.total).toBe(3);
  expect(losses.isRecent(10.9 * S)).toBe(true);
  expect(losses.isRecent(11.1 * S)).toBe(false);
  // What begins within reach may have been hit, what begins later not.
  expect(losses.before(10.9 * S)).toBe(0);
  expect(losses.before(11.1 * S)).toBe(3);
});

it('of old do not count for what begins now, and those of late do', () => {
  const losses = new Losses();
  losses.add(10 * S, 3);
  losses.add(12 * S, 4);
  expect(losses.before(12.5 * S)).toBe(3);
  expect(losses.total).toBe(7);
});
