import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { History } from '../../../src/cluster/kube/history.ts';
import { isNewer } from '../../../src/cluster/kube/version.ts';

const unbounded = { past: Infinity, gone: Infinity };

describe('a history', () => {
  it('tells of each time what was so then', () => {
    const changes = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b'),
        after: fc.nat(5),
        value: fc.option(fc.nat(9), { nil: undefined }),
      }),
    );
    fc.assert(
      fc.property(changes, fc.nat(100), (all, time) => {
        const history = new History<number>(unbounded, () => undefined);
        const plain: { key: string; since: number; value: number | undefined }[] = [];
        let since = 0;
        for (const { key, after, value } of all) {
          since += after;
          history.set(key, since, value);
          plain.push({ key, since, value });
        }
        for (const key of ['a', 'b']) {
          const last = plain.findLast((one) => one.key === key && one.since <= time);
          expect(history.at(key, time)).toBe(last?.value);
        }
      }),
    );
  });

  it('forgets the oldest where there is no more room, and says of which times it knows all', () => {
    const forgotten: string[] = [];
    const history = new History<number>({ past: 2, gone: 1 }, (key) => forgotten.push(key));
    for (const since of [1, 2, 3, 4, 5]) history.set('a', since, since);
    expect([1, 2, 3, 4, 5].map((time) => history.at('a', time))).toEqual([undefined, undefined, 3, 4, 5]);
    expect([2, 3].map((time) => history.remembers(time))).toEqual([false, true]);
    history.set('b', 6, 6);
    history.set('b', 7, undefined);
    expect(forgotten).toEqual([]);
    history.set('a', 8, undefined);
    expect(forgotten).toEqual(['b']);
    expect(history.has('b')).toBe(false);
    expect([6, 7].map((time) => history.remembers(time))).toEqual([false, true]);
  });
});

describe('a resourceVersion', () => {
  it('is newer as a number of any length', () => {
    expect(isNewer('10', '9')).toBe(true);
    expect(isNewer('9', '10')).toBe(false);
    expect(isNewer('9', '9')).toBe(false);
    expect(isNewer('18446744073709551616', '18446744073709551615')).toBe(true);
  });

  it('that is no number is as new as it comes', () => {
    expect(isNewer('abc', 'abd')).toBe(true);
    expect(isNewer('', '')).toBe(true);
  });
});
