import { expect, it } from 'vitest';
import { MultiMap } from '../../src/trace/multimap.ts';

it('keeps values in the order of adding, each once, and forgets those removed', () => {
  const map = new MultiMap<string, { n: number }>();
  const [one, two, three] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  expect(map.get('a')).toEqual([]);
  for (const value of [one, one, two, three, two]) map.add('a', value);
  expect(map.get('a')).toEqual([one, two, three]);
  map.remove('a', two);
  map.remove('a', { n: 1 });
  expect(map.get('a')).toEqual([one, three]);
  map.remove('a', one);
  expect(map.get('a')).toEqual([three]);
  map.remove('a', three);
  expect(map.get('a')).toEqual([]);
});
