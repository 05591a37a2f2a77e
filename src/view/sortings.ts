import type { Request } from '../trace/request.ts';
import { askedFor, endpoint, hasFailed } from './words.ts';

/** What worries first comes first; for numbers and times the smallest. */
const sortings = {
  // ISO times of one length sort as text; a connection older than the trace has none and stands before.
  time: (request: Request) => request.startedAt ?? '',
  duration: (request: Request) => request.durationMs ?? -1,
  client: (request: Request) => endpoint(request.client, false),
  asked: (request: Request) => askedFor(request),
  server: (request: Request) => endpoint(request.server, false),
  verdict: (request: Request) => VERDICTS.indexOf(request.clientIp.verdict),
  state: (request: Request) => {
    if (hasFailed(request)) return STATES.indexOf(request.state);
    const status = request.http?.status ?? 0;
    // 5xx before 4xx, between what failed on the way and what is well.
    return status >= 400
      ? STATES.length + 1 - status / 1000
      : STATES.length + 1 + STATES.indexOf(request.state);
  },
};

const VERDICTS = ['forged-or-stale', 'lost', 'unknown', 'carried', 'preserved'];
const STATES = ['unanswered', 'dropped', 'rejected', 'refused', 'open', 'established', 'closed'];

export type SortKey = keyof typeof sortings;

export function nextSortKey(key: SortKey): SortKey {
  const keys = Object.keys(sortings) as SortKey[];
  return keys[(keys.indexOf(key) + 1) % keys.length] ?? 'time';
}

/** One value an item, in place of a comparison that would build its words again and again. */
export function sorted<T extends { request: Request }>(
  items: readonly T[],
  key: SortKey,
  reverse: boolean,
): T[] {
  const value = sortings[key];
  const values = items.map((item) => value(item.request));
  const order = Array.from(items, (_, index) => index);
  order.sort((a, b) => compare(values[a] ?? '', values[b] ?? '') || a - b);
  if (reverse) order.reverse();
  const result: T[] = [];
  for (const index of order) {
    const item = items[index];
    if (item !== undefined) result.push(item);
  }
  return result;
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);
