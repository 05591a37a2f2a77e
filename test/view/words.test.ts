/** What broke, in the few words that a row has room for. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { failureWords } from '../../src/view/words.ts';

const told = readFileSync(new URL('../recordings/failures-iptables.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Request);

it.each([
  ['by-server', 'reset by the server at b-service-1'],
  ['by-client', 'given up by the client'],
  ['by-middle', 'reset on the way at node-a'],
  ['entry-gone', 'forgotten by conntrack at node-a'],
])('a connection that was reset %s says so', (detail, words) => {
  const ended = told.filter(({ failure }) => failure?.detail === detail);
  expect(ended).not.toEqual([]);
  for (const request of ended) expect(failureWords(request)).toBe(words);
});
