/** A request's facts in the fewest words; shared by the list and the detail pane. */
import type {
  ClientIp,
  Endpoint,
  Failure,
  Hop,
  LossCause,
  Request,
  State,
  Verdict,
} from '../trace/request.ts';
import { formatEndpoint } from '../events/tuple.ts';
import { askedWords, carriedWords, decisiveCarrier, helloWords, lookupOf } from '../trace/exchange-words.ts';
import { splitEndpoint } from '../trace/filter/way.ts';
import { glyph } from './glyphs.ts';
import type { Tone } from './paint.ts';

/** Name before address; `ports: false` leaves the port away where it tells nothing (a client's). */
export function endpoint(end: Endpoint | undefined, ports: boolean): string {
  if (end === undefined) return '';
  const port = ports ? (end.port ?? 0) : 0;
  if (end.name === undefined) return formatEndpoint(end.ip, port);
  if (end.portName !== undefined && ports) return `${end.name}:${end.portName}`;
  return port === 0 ? end.name : `${end.name}:${port}`;
}

/** What was dialled; TCP goes without saying. */
export function dialledWords(request: Request): string {
  const target = endpoint(request.dialled, true);
  return request.protocol === 'tcp' ? target : `${target} ${request.protocol}`;
}

/** What was asked for, as far as it was read: a path, a name, the name in TLS; else undefined. */
export function messageWords(request: Request): string | undefined {
  const { http, tls } = request;
  if (http !== undefined) return askedWords(http);
  const lookup = lookupOf(request);
  if (lookup !== undefined) return `${lookup.type} ${lookup.name}`;
  return tls && helloWords(tls);
}

/** The message, or where none was read what was dialled. */
export const askedFor = (request: Request): string => messageWords(request) ?? dialledWords(request);

/** The address in the header that the verdict rests on, and what it found. */
export function carriedAddress(request: Request): string {
  const carrier = decisiveCarrier(request);
  if (carrier === undefined) return '';
  return `${carrier.isClient ? glyph.carried : glyph.forged} ${carriedWords(carrier, request)}`;
}

/** The address the server saw, and whose it is: here the number itself is the point. */
export function sourceSeen(request: Request): string {
  const seen = request.sourceSeenByServer;
  if (seen === undefined) return '';
  return seen.name === undefined ? seen.ip : `${seen.ip} ${seen.name}`;
}

export function endpointTone(end: Endpoint | undefined): Tone {
  return end?.kind === 'service' || end?.kind === 'pod' ? 'name' : 'plain';
}

/** Who served, or why nobody did. */
export function outcome(request: Request): { text: string; tone: Tone } {
  if (hasFailed(request)) return { text: failureWords(request), tone: 'bad' };
  return { text: endpoint(request.server, false), tone: endpointTone(request.server) };
}

const REWRITES: Partial<Record<Hop['kind'], string>> = {
  dnat: 'DNAT',
  snat: 'SNAT',
  masquerade: 'MASQ',
  redirect: 'REDIRECT',
};

/** The rewrites, and the proxies between them, in as many words as fit; empty where there are none. */
export function rewritesIn(request: Request, width: number): string {
  const hops = request.hops.filter((hop) => rewriteWord(hop) !== undefined);
  const proxies = hops.filter(({ kind }) => kind === 'proxy');
  const inShort = (some: readonly Hop[], address: (hop: Hop) => string): string =>
    some
      .map((hop) =>
        `${hop.observed ? '' : glyph.inferred}${rewriteWord(hop) ?? ''} ${address(hop)}`.trimEnd(),
      )
      .join(` ${glyph.dot} `);
  const forms = [
    inShort(hops, newAddress),
    inShort(hops, (hop) => (changesSource(hop) ? newAddress(hop) : '')),
    inShort(hops, () => ''),
  ];
  const least = inShort(proxies.length > 0 ? proxies : hops, () => '');
  return forms.find((words) => words.length <= width) ?? least;
}

function rewriteWord(hop: Hop): string | undefined {
  return hop.kind === 'proxy' ? `via ${hop.process?.comm ?? placeOf(hop)}` : REWRITES[hop.kind];
}

const changesSource = (hop: Hop): boolean => hop.kind === 'snat' || hop.kind === 'masquerade';

function newAddress(hop: Hop): string {
  if (hop.after === undefined || hop.kind === 'proxy') return '';
  return changesSource(hop) ? splitEndpoint(hop.after.src).ip : hop.after.dst;
}

export const verdictWords = ({ verdict }: ClientIp): string => `${verdictGlyph(verdict)} ${verdict}`;

export function verdictTone(verdict: Verdict): Tone {
  if (verdict === 'preserved' || verdict === 'carried') return 'good';
  if (verdict === 'unknown') return 'faint';
  return verdict === 'forged-or-stale' ? 'bad' : 'warn';
}

function verdictGlyph(verdict: Verdict): string {
  switch (verdict) {
    case 'preserved':
      return glyph.preserved;
    case 'lost':
      return glyph.lost;
    case 'carried':
      return glyph.carried;
    case 'forged-or-stale':
      return glyph.forged;
    case 'unknown':
      return glyph.unknown;
  }
}

const CAUSES: Record<LossCause, string> = {
  'masquerade-external-traffic-policy': 'traffic policy',
  'masquerade-hairpin': 'hairpin',
  'masquerade-off-cluster': 'off-cluster',
  'masquerade-all': 'masquerade all',
  'masquerade-cni-outgoing': 'CNI outgoing',
  'masquerade-hostport': 'HostPort',
  'snat-rule': 'SNAT rule',
  proxy: 'proxy',
  'load-balancer': 'load balancer',
};

export const causeWords = (cause: LossCause | undefined): string =>
  cause === undefined ? '' : CAUSES[cause];

export const hasFailed = (request: Request): boolean =>
  request.failure !== undefined || isFailedState(request.state);

export function isFailedState(state: State): boolean {
  return state === 'refused' || state === 'rejected' || state === 'dropped' || state === 'unanswered';
}

/** Failed on the way, or the server complained of it. */
export const isTrouble = (request: Request): boolean =>
  hasFailed(request) || (request.http?.status ?? 0) >= 400;

export function isOpen(request: Request): boolean {
  return request.state === 'open' || request.state === 'established';
}

export function stateTone(request: Request): Tone {
  if (hasFailed(request)) return 'bad';
  return request.state === 'established' ? 'plain' : 'faint';
}

export const stateWords = (request: Request): string => `${stateGlyph(request)} ${request.state}`;

/** What was answered, in place of the state of a connection that the next request may use too. */
export function resultWords(request: Request): string {
  const answer = answerOf(request);
  if (answer === undefined) return stateWords(request);
  return `${isTrouble(request) ? glyph.failed : ' '} ${answer}`;
}

export function resultTone(request: Request): Tone {
  const status = answerOf(request) === undefined ? 0 : (request.http?.status ?? 0);
  if (status < 400 || hasFailed(request)) return stateTone(request);
  return status < 500 ? 'warn' : 'bad';
}

function answerOf(request: Request): string | undefined {
  return request.http === undefined ? lookupOf(request)?.rcode : request.http.status?.toString();
}

function stateGlyph(request: Request): string {
  if (hasFailed(request)) return glyph.failed;
  if (request.state === 'established') return glyph.established;
  return request.state === 'open' ? glyph.open : ' ';
}

const FAILURES: Partial<Record<Failure['kind'], string>> = {
  refused: 'nothing listens',
  'rejected-no-endpoints': 'no ready endpoints',
  'rejected-by-rule': 'rejected by a rule',
  'dropped-by-rule': 'dropped by a rule',
  'no-local-endpoint': 'no local endpoint',
  unanswered: 'no answer',
  reset: 'broken off',
  'dns-nxdomain': 'no such name',
  'stale-conntrack': 'stale conntrack entry',
  'dns-unanswered': 'no answer from the resolver',
  'proxy-protocol-mismatch': 'PROXY protocol mismatch',
};

/** Where one kind has several makers, and it is known which. */
const DETAILS: Partial<Record<NonNullable<Failure['detail']>, string>> = {
  'by-server': 'reset by the server',
  'by-client': 'given up by the client',
  'by-middle': 'reset on the way',
  'entry-gone': 'forgotten by conntrack',
};

/** Why it failed, and where, in a few words. */
export function failureWords(request: Request): string {
  const failure = request.failure;
  if (failure === undefined) return isFailedState(request.state) ? request.state : '';
  if (failure.kind === 'dropped-by-kernel') return `dropped: ${failure.reason}`;
  // Refused by an ICMP error: the machine answered for somebody else, which says nothing of listeners.
  if (failure.kind === 'refused' && request.state !== 'refused') return `refused: ${failure.reason}`;
  const byMaker = failure.detail === undefined ? undefined : DETAILS[failure.detail];
  const words = byMaker ?? FAILURES[failure.kind] ?? failure.kind.replaceAll('-', ' ');
  const place = placeOf(failure.atHop === undefined ? undefined : request.hops[failure.atHop]);
  return place === '' ? words : `${words} at ${place}`;
}

export function placeOf(hop: Hop | undefined): string {
  if (hop === undefined) return '';
  return hop.netns?.name ?? hop.node ?? (hop.netns === undefined ? '' : `netns ${hop.netns.inum}`);
}

export function duration(ms: number | undefined): string {
  if (ms === undefined) return '';
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms.toFixed(1)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m${two(Math.floor((ms / 1_000) % 60))}s`;
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

/** Wall time where the reader sits; `earlier` for a connection older than the trace. */
export function clock(startedAt: string | undefined, milliseconds: boolean): string {
  if (startedAt === undefined) return 'earlier';
  const date = new Date(startedAt);
  if (Number.isNaN(date.getTime())) return '?';
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return milliseconds ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

export const requests = (value: number): string => `${count(value)} ${value === 1 ? 'request' : 'requests'}`;

const two = (value: number): string => String(value).padStart(2, '0');
