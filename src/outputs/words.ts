/** The words that the text outputs share. All that comes from outside passes `shown`. */
import { clean } from '../events/clean.ts';
import { formatEndpoint } from '../events/tuple.ts';
import { carrierWords, exchangeWords, helloWords, lookupOf, lookupWords } from '../trace/exchange-words.ts';
import type { Endpoint, Hop, HopKind, Request } from '../trace/request.ts';

/** A Kubernetes `namespace/name` at its longest; no name of the machine's is longer. */
const NAME_LIMIT = 320;

export const shown = (text: string, limit = NAME_LIMIT): string => clean(text, limit);

export const REWRITES: Partial<Record<HopKind, string>> = {
  dnat: 'DNAT',
  snat: 'SNAT',
  masquerade: 'MASQUERADE',
  redirect: 'REDIRECT',
};

/** `~` stands before what was inferred. */
export function rewriteWord(hop: Hop): string | undefined {
  const word = REWRITES[hop.kind];
  return word === undefined || hop.observed ? word : `~${word}`;
}

export const address = (end: Endpoint): string => shown(formatEndpoint(end.ip, end.port ?? 0));

export function addressAndName(end: Endpoint): string {
  return end.name === undefined ? address(end) : `${address(end)} (${shown(end.name)})`;
}

/** More of a path is for JSON. */
const ASKED_LIMIT = 160;

/** `GET example.com/a/pings 200`, the look-up that the request is, or what TLS shows of it. */
export function askedOf(request: Request): string | undefined {
  const { http, tls } = request;
  const lookup = lookupOf(request);
  const words = http ? exchangeWords(http) : lookup ? lookupWords(lookup) : tls && helloWords(tls);
  return words && shown(words, ASKED_LIMIT);
}

/** `carried (x-forwarded-for 198.51.100.7)`. */
export function verdictOf(request: Request): string {
  const carrier = carrierWords(request);
  const { verdict } = request.clientIp;
  return carrier === undefined ? verdict : `${verdict} (${shown(carrier)})`;
}

/** Wall time where the reader sits, to the millisecond; `earlier` for a connection older than the trace. */
export function timeOf(request: Request): string {
  const date = new Date(request.startedAt ?? NaN);
  if (Number.isNaN(date.getTime())) return 'earlier     ';
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

export function tookOf(request: Request): string | undefined {
  const ms = request.durationMs;
  if (ms === undefined) return undefined;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `dropped (no-local-endpoint)`. */
export function stateAndFailure(request: Request): string {
  const kind = request.failure?.kind;
  return kind === undefined || kind === request.state ? request.state : `${request.state} (${kind})`;
}

export function lossOf(request: Request): string | undefined {
  return request.lostEvents > 0 ? `${String(request.lostEvents)} events lost` : undefined;
}
