/** An exchange as the request that the contract describes: its connection and, where a proxy passed it on, the others. */
import { clocksOf, whatClocksLeaveOpen } from './clocks.ts';
import type { DnsHead } from '../events/head.ts';
import { clientIpOf } from './carriers.ts';
import type { TiedLeg } from './carriers.ts';
import { requestFailure } from './failure/request.ts';
import type { Learnt } from './failure/request.ts';
import { firstOf, legsOf, timeBetween } from './exchange.ts';
import type { Exchange, Joint } from './exchange.ts';
import { milliseconds } from './hops.ts';
import type { Lookup, Lookups } from './lookups.ts';
import { idOf as connectionId, render, wallTime } from './render.ts';
import type { Circumstances } from './render.ts';
import type { Dns, Hop, Http, Leg, Request, State } from './request.ts';

export function compose(told: Exchange, learnt: Learnt, circumstances: Circumstances): Request {
  const legs = legsOf(told).map((exchange): TiedLeg => ({
    exchange,
    base: render(exchange.connection, circumstances),
  }));
  const first = legs[0] as TiedLeg;
  // What a proxy dialled in vain served nobody.
  const last = legs.findLast((leg) => leg.base.server !== undefined) ?? first;
  const began = beginOf(told, first.exchange);
  const { hops, starts } = hopsOf(legs, began);
  const http = httpOf(told, legs);
  const tls = first.exchange.connection.dialogue?.tls;
  const dns = dnsOf(told, first, learnt.lookups, circumstances);
  const failure = requestFailure(told, legs, starts, learnt, circumstances);
  const served = legs.slice(0, 1 + legs.indexOf(last));
  const clocks = clocksOf(
    legs.map(({ exchange }) => exchange.connection),
    circumstances.clocks,
  );
  const { protocol, client, dialled } = first.base;
  const { server, sourceSeenByServer } = last.base;
  return {
    v: 1,
    id: idOf(told),
    ...(began.seen && {
      startedAt: wallTime(began.at, circumstances.wallOffset),
      durationMs: milliseconds(Math.max(endOf(told) - began.at, 0)),
    }),
    protocol,
    state: stateOf(told, first.base.state, learnt.lookups),
    client,
    dialled,
    ...(server && { server }),
    ...(sourceSeenByServer && { sourceSeenByServer }),
    hops,
    replyHops: [...legs.entries()]
      .reverse()
      .flatMap(([leg, { base, exchange }]) => placed(base.replyHops, leg, exchange, began)),
    clientIp: clientIpOf(served, hops, failure?.kind !== 'proxy-protocol-mismatch'),
    ...(http && { http }),
    ...(tls && { tls: { ...(tls.sni !== undefined && { sni: tls.sni }), alpn: [...tls.alpn] } }),
    ...(dns && { dns }),
    ...(legs.length > 1 && { legs: legs.map((leg) => legOf(leg, began)) }),
    ...(failure && { failure }),
    retransmits: legs.reduce((sum, { base }) => sum + base.retransmits, 0),
    inferred: [...inferredOf(legs), ...whatClocksLeaveOpen(clocks)],
    lostEvents: Math.max(...legs.map(({ base }) => base.lostEvents)),
    ...(clocks && { clocks }),
  };
}

/** The first on its connection has the connection's id, so that it takes its place. */
export function idOf({ connection, index }: Exchange): string {
  return index === 0 ? connectionId(connection) : `${connectionId(connection)}-${String(index)}`;
}

interface Begin {
  readonly at: number;
  readonly seen: boolean;
}

/** Its connection's first packet, where it was made for it; else the first sight of the question. */
function beginOf(told: Exchange, first: Exchange): Begin {
  const { connection } = first;
  const isFirst = first === told ? told.index === 0 : first.effects[0] === told || told.asked === undefined;
  if (isFirst && connection.beginningSeen) return { at: connection.firstAt, seen: true };
  return told.asked === undefined
    ? { at: connection.firstAt, seen: connection.beginningSeen }
    : { at: told.since, seen: true };
}

/** The answer's first byte; the end of its connection, where that ended with it. */
function endOf({ connection, index, asked, answer, endedAt }: Exchange): number {
  const isLast = index + 1 >= (connection.dialogue?.count ?? 0);
  if (connection.endedAt > 0 && isLast) return connection.endedAt;
  if (answer === undefined) return endedAt > 0 ? endedAt : connection.lastAt;
  const took = asked && timeBetween(asked, answer);
  return asked === undefined || took === undefined ? firstOf(answer) : firstOf(asked) + took;
}

function stateOf(told: Exchange, base: State, lookups: Lookups): State {
  const { asked, answer, endedAt } = told;
  if (asked === undefined) return base;
  if (answer !== undefined) return told.isCut ? base : 'closed';
  const isOpen = base === 'open' || base === 'established';
  if (asked.message.what !== 'dns' || endedAt === 0 || !isOpen) return base;
  return lookups.mayBeAnswered(told) ? 'closed' : 'unanswered';
}

/** @returns the hops of all legs, a proxy between each two, and the index at which each leg's begin */
function hopsOf(legs: readonly TiedLeg[], began: Begin): { hops: Hop[]; starts: number[] } {
  const hops: Hop[] = [];
  const starts: number[] = [];
  for (const [leg, { exchange, base }] of legs.entries()) {
    const from = legs.findIndex((one) => one.exchange === exchange.cause?.exchange);
    if (leg > 0 && exchange.cause !== undefined) {
      hops.push(proxyHop(legs[from] as TiedLeg, from, legs[leg] as TiedLeg, exchange.cause, began));
    }
    starts.push(hops.length);
    hops.push(...placed(base.hops, leg, exchange, began));
  }
  return { hops, starts };
}

/** A leg's hops as they stand in the request; a connection older than the request has times of its own. */
function placed(hops: readonly Hop[], leg: number, { connection }: Exchange, began: Begin): Hop[] {
  const later = connection.firstAt - began.at;
  return hops.map(({ atMs, ...hop }) => ({
    ...hop,
    leg,
    ...(atMs !== undefined && began.seen && later >= 0 && { atMs: milliseconds(atMs * 1e6 + later) }),
  }));
}

function proxyHop(from: TiedLeg, leg: number, to: TiedLeg, { weak }: Joint, began: Begin): Hop {
  const taken = from.base.hops.findLast(({ kind }) => kind === 'deliver');
  const dialled = to.base.hops[0];
  const { dialler, firstAt } = to.exchange.connection;
  // Who dialled did the work; who listens may only be its master.
  const process = dialler ?? taken?.process;
  // It dialled for it, or had a connection already.
  const at = firstAt >= began.at ? firstAt : to.exchange.since;
  const place = taken ?? dialled;
  return {
    leg,
    kind: 'proxy',
    ...(place?.node !== undefined && { node: place.node }),
    ...(place?.netns && { netns: place.netns }),
    ...(taken?.before && { before: taken.before }),
    ...(dialled?.before && { after: dialled.before }),
    ...(at >= began.at && began.seen && { atMs: milliseconds(at - began.at) }),
    ...(process && { process: { ...process } }),
    observed: !weak,
  };
}

function legOf({ exchange, base }: TiedLeg, began: Begin): Leg {
  const http = ownHttp(exchange);
  const { cause, connection } = exchange;
  // Where it was opened for this the probes say when; else the capture, a moment later.
  const since = connection.firstAt >= began.at ? connection.firstAt : exchange.since;
  return {
    client: base.client,
    dialled: base.dialled,
    ...(base.server && { server: base.server }),
    ...(base.sourceSeenByServer && { sourceSeenByServer: base.sourceSeenByServer }),
    ...(http && { http }),
    ...(began.seen && since >= began.at && { atMs: milliseconds(since - began.at) }),
    ...(cause && { joinedBy: { evidence: cause.evidence, text: cause.text } }),
  };
}

function httpOf(told: Exchange, legs: readonly TiedLeg[]): Http | undefined {
  const own = ownHttp(told);
  if (own === undefined) return undefined;
  const { tls } = legs[0]?.exchange.connection.dialogue ?? {};
  const requestId =
    own.requestId ?? legs.map(({ exchange }) => ownHttp(exchange)?.requestId).find((id) => id !== undefined);
  return {
    ...own,
    ...(requestId !== undefined && { requestId }),
    tls: tls !== undefined,
    ...(tls?.sni !== undefined && { sni: tls.sni }),
  };
}

function ownHttp(exchange: Exchange): Http | undefined {
  const { asked, answer, connection } = exchange;
  const head = asked?.message;
  if (head?.what !== 'http-request') return undefined;
  const said = answer?.message.what === 'http-response' ? answer.message : undefined;
  const requestId = head.requestId ?? said?.requestId;
  const took = tookOf(exchange);
  return {
    method: head.method,
    ...(head.host !== undefined && { host: head.host }),
    path: head.path,
    ...(said && { status: said.status }),
    ...(requestId !== undefined && { requestId }),
    tls: connection.dialogue?.tls !== undefined,
    ...(took !== undefined && { firstByteMs: milliseconds(took) }),
  };
}

/**
 * From the question to its answer, nanoseconds; undefined where it is not known. A capture that has to wait for its
 * turn stamps both when it gets it: what is less than the way there and back cannot be.
 */
function tookOf({ asked, answer, connection }: Exchange): number | undefined {
  const took = asked && answer && timeBetween(asked, answer);
  const [there, back] = [connection.forward[0], connection.reply[0]];
  const least = there !== undefined && back !== undefined ? back.at - there.at : 0;
  return took === undefined || took < Math.max(least, 0) ? undefined : took;
}

/** The look-up that it is, or that gave the address it dialled. */
function dnsOf(
  told: Exchange,
  first: TiedLeg,
  lookups: Lookups,
  circumstances: Circumstances,
): Dns | undefined {
  const { asked } = told;
  if (asked?.message.what === 'dns') return lookupOf(told, asked.message, told.since, first.base, lookups);
  const before = lookups.before(first.exchange.connection);
  if (before === undefined) return undefined;
  const { exchange, asked: question } = before;
  const base = render(exchange.connection, circumstances);
  return {
    ...lookupOf(exchange, question, exchange.since, base, lookups),
    id: idOf(exchange),
  };
}

function lookupOf(
  exchange: Exchange,
  { name, type }: DnsHead,
  at: number,
  base: Request,
  lookups: Lookups,
): Dns {
  const answer = exchange.answer?.message.what === 'dns' ? exchange.answer.message : undefined;
  const took = tookOf(exchange);
  const tried = firstOfEach(triesOf(exchange, lookups).filter((other) => other.at < at));
  return {
    name,
    type,
    ...(answer?.rcode !== undefined && { rcode: answer.rcode }),
    answers: [...(answer?.answers ?? [])],
    resolver: base.dialled,
    ...(base.server && { server: base.server }),
    ...(tried.length > 0 && {
      tried: tried.map(({ exchange: other, asked }) => {
        const said = other.answer?.message;
        const rcode = said?.what === 'dns' ? said.rcode : undefined;
        return { name: asked.name, type: asked.type, ...(rcode !== undefined && { rcode }) };
      }),
    }),
    ...(took !== undefined && { durationMs: milliseconds(took) }),
  };
}

/** The same name is asked again where the answer is long in coming. */
const firstOfEach = (tries: readonly Lookup[]): Lookup[] =>
  tries.filter(({ asked }, i) => tries.findLastIndex((other) => other.asked.name === asked.name) === i);

function triesOf(exchange: Exchange, lookups: Lookups): Lookup[] {
  const { asked } = exchange;
  return asked?.message.what === 'dns' ? lookups.alike(exchange, asked.message, exchange.since) : [];
}

const BY_TIME = {
  process: 'process and time only',
  'pod-and-time': 'time and pod only',
  'forwarded-header': 'a header that several requests have, and time',
  'request-id': 'an id that several requests have, and time',
  'trace-id': 'an id that several requests have, and time',
  'proxy-header': 'a header that several connections have, and time',
} as const;

function inferredOf(legs: readonly TiedLeg[]): string[] {
  const several = legs.length > 1;
  return legs.flatMap(({ exchange, base }, leg) => {
    const { cause, asked, connection } = exchange;
    const from = legs.findIndex((one) => one.exchange === cause?.exchange);
    const own = [...base.inferred];
    if (asked?.message.what === 'http-request' && !asked.message.complete) {
      own.push('the end of the request head was not captured: headers may be missing');
    }
    if (connection.dialogue?.http2 === true)
      own.push('HTTP/2 is not decoded: its requests are not told apart');
    const joint =
      cause?.weak === true && from !== -1
        ? [`legs ${String(from)}-${String(leg)} joined by ${BY_TIME[cause.evidence]}`]
        : [];
    return [...joint, ...own.map((text) => (several ? `leg ${String(leg)}: ${text}` : text))];
  });
}
