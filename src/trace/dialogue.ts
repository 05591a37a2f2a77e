/** What is said on one connection, put in order: which answer belongs to which question. */
import type { HeadEvent } from '../events/head.ts';
import type { DnsHead, HttpRequestHead, HttpResponseHead, ProxyHead, TlsHelloHead } from '../events/head.ts';
import type { Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { Heard } from './exchange.ts';

/** Exchanges kept that are not dealt with: pipelines and multiplexed look-ups are shorter. */
const MAX_PENDING = 64;
/** Exchanges dealt with that a late sighting may still be of. */
const MAX_DONE = 16;
const SWITCHING_PROTOCOLS = 101;

export class Dialogue {
  proxyHeader: ProxyHead | undefined;
  tls: TlsHelloHead | undefined;
  http2 = false;
  /** Questions so far. */
  count = 0;
  /** Not dealt with, oldest first. */
  pending: readonly Exchange[] = [];
  /** The connection as one, where its words are not known. */
  private all: Exchange | undefined;
  private readonly connection: Connection;
  private done: readonly Exchange[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get whole(): Exchange {
    return (this.all ??= new Exchange(this.connection, 0, undefined));
  }

  /** Whether the connection as one was spoken of. */
  get hasWhole(): boolean {
    return this.all !== undefined;
  }

  /** @returns the exchange that it adds to; undefined where it was known, or its question was not seen */
  hear(event: HeadEvent): Exchange | undefined {
    const { message } = event;
    switch (message.what) {
      case 'http-request':
        return this.ask(event, message);
      case 'http-response':
        return this.answer(event, message);
      case 'dns':
        return message.response ? this.answerLookup(event, message) : this.ask(event, message);
      case 'proxy-header':
        if (this.proxyHeader !== undefined) return undefined;
        this.proxyHeader = message;
        return this.whole;
      case 'tls-hello':
        if (this.tls !== undefined) return undefined;
        this.tls = message;
        return this.whole;
      case 'http2-preface':
        if (this.http2) return undefined;
        this.http2 = true;
        return this.whole;
    }
  }

  /** Questions before one that was answered: their answers were missed. */
  missedBefore(exchange: Exchange): Exchange[] {
    const { asked } = exchange;
    if (asked?.message.what !== 'http-request') return [];
    return this.pending.filter(
      (other) => other.index < exchange.index && other.endedAt === 0 && other.asked?.ack !== asked.ack,
    );
  }

  /** Nothing more is expected of it; a late sighting of it is no news. */
  settle(exchange: Exchange): void {
    this.pending = this.pending.filter((one) => one !== exchange);
    if (exchange.asked !== undefined) this.done = [...this.done.slice(1 - MAX_DONE), exchange];
  }

  private ask(event: HeadEvent, message: HttpRequestHead | DnsHead): Exchange | undefined {
    const known = [...this.pending, ...this.done].some(({ asked }) => asked && isSame(asked, event, message));
    if (known || this.pending.length >= MAX_PENDING) return undefined;
    const asked = heard(event, message);
    const exchange = new Exchange(this.connection, this.count++, asked);
    this.pending = [...this.pending, exchange];
    return exchange;
  }

  /**
   * It acknowledges the question that it answers, which was asked when nothing of it had come. Of several such the
   * last ones, where they were asked at once (a pipeline), are answered in their order; the answers to those before
   * were missed.
   */
  private answer(event: HeadEvent, message: HttpResponseHead): Exchange | undefined {
    if (message.status < 200 && message.status !== SWITCHING_PROTOCOLS) return undefined;
    const said = [...this.pending, ...this.done].find(({ answer }) => answer?.seq === event.seq);
    if (said !== undefined) {
      nearer(said, event);
      return undefined;
    }
    const waiting = this.pending.filter(
      ({ asked, answer }) =>
        asked !== undefined &&
        answer === undefined &&
        isBefore(asked.seq, event.ack) &&
        !isBefore(event.seq, asked.ack),
    );
    const last = waiting.at(-1)?.asked?.ack;
    const exchange = waiting.find(({ asked }) => asked?.ack === last);
    if (exchange === undefined) return undefined;
    exchange.answer = heard(event, message);
    return exchange;
  }

  private answerLookup(event: HeadEvent, message: DnsHead): Exchange | undefined {
    const exchange = [...this.pending, ...this.done].find(
      ({ asked }) => asked?.message.what === 'dns' && isSameLookup(asked.message, message),
    );
    if (exchange === undefined) return undefined;
    if (exchange.answer !== undefined) {
      nearer(exchange, event);
      return undefined;
    }
    exchange.answer = heard(event, message);
    return exchange;
  }
}

/** Times are taken between two sightings at one place, as near to the client as there is. */
function nearer(exchange: Exchange, { netns, at }: HeadEvent): void {
  const { asked, answer } = exchange;
  if (answer !== undefined && netns === asked?.netns && answer.netns !== netns) {
    exchange.answer = { ...answer, at, netns };
  }
}

const heard = <M>({ at, netns, seq, ack }: HeadEvent, message: M): Heard<M> => ({
  message,
  at,
  netns,
  seq,
  ack,
});

function isSame(
  { message: known, seq }: NonNullable<Exchange['asked']>,
  event: HeadEvent,
  message: HttpRequestHead | DnsHead,
): boolean {
  if (known.what === 'dns' && message.what === 'dns') return isSameLookup(known, message);
  return known.what === message.what && seq === event.seq;
}

const isSameLookup = (a: DnsHead, b: DnsHead): boolean =>
  a.id === b.id && a.type === b.type && a.name.toLowerCase() === b.name.toLowerCase();

/** In the order of TCP's sequence numbers, which turn over (RFC 9293, 3.4). */
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0;
