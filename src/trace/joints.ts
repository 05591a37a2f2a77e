/**
 * The two sides of a proxy, tied: which exchange made a proxy ask this one. The evidence, strongest first: an id
 * that both carry; a header that names the other side's client; the process that took the one and dialled the
 * other; the same pod, and one within the other in time.
 */
import type { NetnsId, ProcessRef } from '../events/event.ts';
import type { HttpRequestHead } from '../events/head.ts';
import { formatEndpoint } from '../events/tuple.ts';
import type { Connection } from './connection.ts';
import { causesOf, timeBetween } from './exchange.ts';
import type { Exchange, Joint } from './exchange.ts';
import type { Knowledge } from './knowledge.ts';
import { Groups } from './groups.ts';
import type { JointEvidence } from './request.ts';
import { serverOf } from './server.ts';
import type { Served } from './server.ts';
import type { Table } from './table.ts';
import { forwardWay } from './way.ts';

/** The two sides may be captured in different namespaces, and time stamps are taken by the reader. */
const SKEW_NS = 10_000_000;

/** Kept for each question: a proxy that tries its servers in turn has fewer. */
const MAX_EFFECTS = 16;

const RANK: readonly JointEvidence[] = [
  'request-id',
  'trace-id',
  'proxy-header',
  'forwarded-header',
  'process',
  'pod-and-time',
];

/** Where it was served, as it was when it was offered. */
interface Offer {
  readonly served: Served | undefined;
  readonly address: string;
}

interface Candidate {
  readonly exchange: Exchange;
  readonly evidence: JointEvidence;
  readonly text: string;
  /** Names no other. */
  readonly certain: boolean;
}

export class Joints {
  private readonly table: Table;
  private readonly knowledge: Knowledge;
  /** What was asked of the servers in a namespace and may be passed on. */
  private readonly byPlace = new Groups<NetnsId, Exchange>();
  /** The same where only the server's address is known. */
  private readonly byAddress = new Groups<string, Exchange>();
  private readonly offered = new Map<Exchange, Offer>();

  constructor(table: Table, knowledge: Knowledge) {
    this.table = table;
    this.knowledge = knowledge;
  }

  /** From now on it may be the cause of others. */
  offer(exchange: Exchange): void {
    if (this.offered.has(exchange)) return;
    const { connection } = exchange;
    const served = serverOf(connection, forwardWay(connection, this.knowledge), this.knowledge);
    const address = served?.tuple.dst ?? connection.client.dst;
    this.offered.set(exchange, { served, address });
    if (served !== undefined) this.byPlace.add(served.netns, exchange);
    this.byAddress.add(address, exchange);
  }

  withdraw(exchange: Exchange): void {
    const offer = this.offered.get(exchange);
    if (offer === undefined) return;
    this.offered.delete(exchange);
    if (offer.served !== undefined) this.byPlace.remove(offer.served.netns, exchange);
    this.byAddress.remove(offer.address, exchange);
  }

  /** Whether it was dialled where others are served. */
  isPlaceOfOthers({ origin, sourceSeen }: Connection): boolean {
    return sourceSeen && this.byPlace.has(origin);
  }

  /**
   * Looks for what caused it, anew each time until it is settled: the more of both was seen, the better it tells.
   * @returns the cause, if it is another than before
   */
  join(exchange: Exchange): Joint | undefined {
    if (exchange.settled) return undefined;
    const before = exchange.cause?.exchange;
    const joint = best(exchange, this.candidates(exchange)) ?? exchange.cause;
    exchange.cause = joint;
    if (joint === undefined || joint.exchange === before) return undefined;
    if (before !== undefined) before.effects = before.effects.filter((other) => other !== exchange);
    const { effects, asked } = joint.exchange;
    // A connection of unknown words may bring about any number; each is told by itself.
    const room = asked === undefined ? 1 : MAX_EFFECTS;
    if (effects.length < room) joint.exchange.effects = [...effects, exchange];
    return joint;
  }

  private candidates(exchange: Exchange): Candidate[] {
    const { connection } = exchange;
    const named = this.namedByProxyHeader(exchange);
    if (named !== undefined) return [named];
    const here = connection.sourceSeen
      ? this.byPlace.get(connection.origin)
      : this.byAddress.get(connection.client.src);
    const candidates: Candidate[] = [];
    for (const other of here) {
      const found = canCause(other, exchange) ? this.evidence(other, exchange) : undefined;
      if (found !== undefined) candidates.push({ exchange: other, ...found });
    }
    return candidates;
  }

  /** The PROXY header holds the addresses of the connection that the proxy took. */
  private namedByProxyHeader(exchange: Exchange): Candidate | undefined {
    const { connection } = exchange;
    const { source, destination } = connection.dialogue?.proxyHeader ?? {};
    if (source === undefined || destination === undefined) return undefined;
    const tuple = {
      protocol: 'tcp' as const,
      src: source.ip,
      sport: source.port,
      dst: destination.ip,
      dport: destination.port,
    };
    const dialogue = connection.speak();
    const taken = (dialogue.proxied ??= this.table
      .withTuple(tuple)
      .findLast((other) => other !== connection && other.firstAt <= connection.lastAt));
    if (taken === undefined) return undefined;
    const text = `the PROXY header names ${formatEndpoint(source.ip, source.port)}`;
    const asked = taken.dialogue?.pending.filter((other) => canCause(other, exchange)) ?? [];
    const alike = asked.filter((other) => isAlike(other, exchange));
    const cause = alike.at(-1) ?? asked.at(-1) ?? taken.speak().whole;
    return { exchange: cause, evidence: 'proxy-header', text, certain: true };
  }

  private evidence(other: Exchange, exchange: Exchange): Omit<Candidate, 'exchange'> | undefined {
    const asked = httpOf(exchange);
    const theirs = httpOf(other);
    const answered = other.answer?.message;
    const theirIds = [theirs?.requestId, answered?.what === 'http-response' ? answered.requestId : undefined];
    if (asked?.requestId !== undefined && theirIds.includes(asked.requestId)) {
      return { evidence: 'request-id', text: `both carry the request id ${asked.requestId}`, certain: true };
    }
    if (asked?.traceId !== undefined && asked.traceId === theirs?.traceId) {
      return { evidence: 'trace-id', text: `both carry the trace id ${asked.traceId}`, certain: true };
    }
    // Nothing but the header, place and time is left: that the question is of the same kind is the least; or that
    // nobody answered, and the proxy said so.
    if (asked === undefined) {
      if (exchange.connection.answered || !isGatewayError(other)) return undefined;
    } else if (theirs !== undefined && theirs.method !== asked.method) return undefined;
    const served = this.offered.get(other)?.served;
    const names = asked === undefined ? [] : namesAdded(asked, theirs);
    if (served !== undefined && names.length > 0) {
      const peers = peersOf(other, served);
      const named = names.find(({ value }) => peers.includes(value));
      // The proxy says who asked it, and it was somebody else.
      if (named === undefined) return undefined;
      return {
        evidence: 'forwarded-header',
        text: `${named.header} names ${named.value}, which the proxy had for its client`,
        certain: peers.indexOf(named.value) % 2 === 1,
      };
    }
    const took = other.connection.delivery?.process ?? this.listenerOf(served);
    const dialled = exchange.connection.dialler;
    if (took !== undefined && dialled !== undefined) {
      if (took.pid !== dialled.pid && took.comm !== dialled.comm) return undefined;
      return {
        evidence: 'process',
        text: `${dialled.comm} took the one and dialled the other`,
        certain: false,
      };
    }
    if (served === undefined || this.knowledge.place(served.netns, other.connection.firstAt)?.role !== 'pod')
      return undefined;
    return { evidence: 'pod-and-time', text: 'in one pod, the one within the other', certain: false };
  }

  private listenerOf(served: Served | undefined): ProcessRef | undefined {
    return served && this.knowledge.listener(served.netns, served.tuple);
  }
}

/** The strongest; of equals the only one, or for a header that names the client the longest waiting. */
function best(exchange: Exchange, candidates: readonly Candidate[]): Joint | undefined {
  for (const evidence of RANK) {
    const tied = candidates.filter((candidate) => candidate.evidence === evidence);
    // What one place saw in its order is sure; what was seen here and there is only likely.
    const nested = tied.filter((one) => surround(one.exchange, exchange) === true);
    const equals = inTurn(nested.length > 0 ? nested : tied, exchange);
    const [first] = equals;
    if (first === undefined) continue;
    const byTime = evidence === 'process' || evidence === 'pod-and-time';
    if (first.certain || (equals.length === 1 && (nested.length > 0 || candidates.length === 1))) {
      const { exchange: cause, text } = first;
      return { exchange: cause, evidence, text, weak: byTime };
    }
    if (byTime) return undefined;
    const alike = equals.filter((one) => isAlike(one.exchange, exchange));
    const fitting = alike.length > 0 ? alike : equals;
    const chosen = fitting.find((one) => isIdle(one.exchange, exchange)) ?? fitting.at(-1);
    if (chosen === undefined) return undefined;
    return {
      exchange: chosen.exchange,
      evidence,
      text: chosen.text,
      weak: fitting.length > 1 || nested.length === 0,
    };
  }
  return undefined;
}

/** Of each connection the one whose turn it is: a server takes a pipeline's questions one after the other. */
function inTurn(candidates: readonly Candidate[], effect: Exchange): Candidate[] {
  const turns = new Map<Connection, Candidate>();
  for (const candidate of candidates) {
    const { connection } = candidate.exchange;
    const other = turns.get(connection);
    if (other === undefined || !isIdle(other.exchange, effect)) turns.set(connection, candidate);
  }
  return [...turns.values()];
}

const isIdle = ({ effects }: Exchange, effect: Exchange): boolean =>
  effects.every((other) => other === effect);

/** Bad Gateway, Service Unavailable, Gateway Timeout (RFC 9110, 15.6). */
function isGatewayError({ answer }: Exchange): boolean {
  const said = answer?.message;
  return said?.what === 'http-response' && said.status >= 502 && said.status <= 504;
}

/** It may have been under way when the other began, and when that was answered. */
function canCause(other: Exchange, exchange: Exchange): boolean {
  if (other.connection === exchange.connection || surround(other, exchange) === false) return false;
  if (other.asked?.message.what === 'dns' || exchange.asked?.message.what === 'dns') return false;
  if (other.asked === undefined && (other.connection.dialogue?.count ?? 0) > 0) return false;
  return !causesOf(other.cause).includes(exchange);
}

/**
 * Whether one was asked before and answered after the other: seen at one place, in its order; undefined where only
 * clocks of several places speak for it.
 */
function surround(outer: Exchange, inner: Exchange): boolean | undefined {
  if (isEarly(outer) || isEarly(inner)) return undefined;
  const since = outer.asked && inner.asked && timeBetween(outer.asked, inner.asked);
  if (since === undefined ? outer.since > inner.since + SKEW_NS : since < 0) return false;
  const until = outer.answer && inner.asked && timeBetween(inner.asked, outer.answer);
  if (until === undefined) {
    if (outer.endedAt > 0 && outer.endedAt < inner.since - SKEW_NS) return false;
  } else if (until < 0) return false;
  const rest = outer.answer && inner.answer && timeBetween(inner.answer, outer.answer);
  if (rest !== undefined && rest < 0) return false;
  return since === undefined || (outer.answer !== undefined && until === undefined) ? undefined : true;
}

/** Answered before it was asked: its times tell nothing. */
function isEarly({ asked, answer }: Exchange): boolean {
  const took = asked && answer && timeBetween(asked, answer);
  return took !== undefined && took < 0;
}

/** The same question, as far as a proxy leaves it alone: it may cut or add a path's beginning. */
function isAlike(other: Exchange, exchange: Exchange): boolean {
  const [a, b] = [httpOf(other), httpOf(exchange)];
  if (a === undefined || b === undefined) return a === b;
  return a.method === b.method && (a.path.endsWith(b.path) || b.path.endsWith(a.path));
}

const httpOf = ({ asked }: Exchange): HttpRequestHead | undefined =>
  asked?.message.what === 'http-request' ? asked.message : undefined;

interface Naming {
  readonly header: string;
  readonly value: string;
}

const HEADERS = {
  'x-forwarded-for': 'X-Forwarded-For',
  'x-real-ip': 'X-Real-IP',
  forwarded: 'Forwarded',
} as const;

/** Whom the proxy's headers name last, where it is not what the proxy itself was sent. */
function namesAdded({ carried }: HttpRequestHead, before: HttpRequestHead | undefined): Naming[] {
  const sent = before?.carried.flatMap(({ values }) => values) ?? [];
  return carried.flatMap(({ kind, values }) => {
    const value = values.at(-1);
    return value === undefined || sent.includes(value) ? [] : [{ header: HEADERS[kind], value }];
  });
}

/** Whom the proxy may take for its client: without and with its port; by its address, or by the PROXY header. */
function peersOf({ connection }: Exchange, { tuple }: Served): string[] {
  const source = connection.dialogue?.proxyHeader?.source;
  return [
    tuple.src,
    formatEndpoint(tuple.src, tuple.sport),
    ...(source === undefined ? [] : [source.ip, formatEndpoint(source.ip, source.port)]),
  ];
}
