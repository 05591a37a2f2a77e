/** What is said on one connection, put in order: which answer belongs to which question. */
import type { HeadEvent } from '../events/head.ts';
import type { DnsHead, HttpRequestHead, HttpResponseHead, ProxyHead, TlsHelloHead } from '../events/head.ts';
import type { Connection } from './connection.ts';
import { Exchange, isTold } from './exchange.ts';
import type { Heard } from './exchange.ts';

/** Exchanges kept that are not dealt with: pipelines and multiplexed look-ups are shorter. */
const MAX_PENDING = 64;
/** Exchanges dealt with that a late sighting may still be of. */
const MAX_DONE = 16;
/** Places of which a sighting is kept: there are fewer namespaces on a way. */
const MAX_SIGHTINGS = 16;
const SWITCHING_PROTOCOLS = 101;

export class Dialogue {
  proxyHeader: ProxyHead | undefined;
  /** The connection that the PROXY header stands for, once it was found. */
  proxied: Connection | undefined;
  tls: TlsHelloHead | undefined;
  http2 = false;
  /** Questions so far. */
  count = 0;
  /** Not dealt with, oldest first. */
  pending: readonly Exchange[] = [];
  /** The connection as one, where its words are not known. */
  private one: Exchange | undefined;
  /** Said before anything was asked: a server that hangs up at once may do so. */
  private unasked: Heard<HttpResponseHead> | undefined;
  private readonly connection: Connection;
  private done: readonly Exchange[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get whole(): Exchange {
    return (this.one ??= new Exchange(this.connection, 0, undefined));
  }

  /** The status of an answer to no question. */
  get unaskedStatus(): number | undefined {
    return this.unasked?.message.status;
  }

  /** Whether the connection as one was spoken of. */
  get hasWhole(): boolean {
    return this.one !== undefined;
  }

  /** Whether one of that number is told by itself. */
  tellsOf(index: number): boolean {
    const whole = index === 0 && this.one !== undefined ? [this.one] : [];
    return [...this.all, ...whole].some((exchange) => exchange.index === index && isTold(exchange));
  }

  /** The last of all that was asked. */
  get last(): Exchange | undefined {
    return this.pending.at(-1) ?? this.done.at(-1);
  }

  private get all(): readonly Exchange[] {
    return [...this.pending, ...this.done];
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
    if (exchange.asked !== undefined && !this.done.includes(exchange))
      this.done = [...this.done.slice(1 - MAX_DONE), exchange];
  }

  private ask(event: HeadEvent, message: HttpRequestHead | DnsHead): Exchange | undefined {
    const known = this.all.find(({ asked }) => asked !== undefined && isSame(asked, event, message));
    if (known?.asked !== undefined) {
      see(known.asked, event);
      return undefined;
    }
    if (this.pending.length >= MAX_PENDING) return undefined;
    const exchange = new Exchange(this.connection, this.count++, heard(event, message));
    // Whoever asks then takes it for the answer.
    if (message.what === 'http-request' && this.unasked !== undefined) {
      exchange.answer = this.unasked;
      this.unasked = undefined;
    }
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
    const said = this.all.find(({ answer }) => answer?.seq === event.seq)?.answer;
    if (said !== undefined) {
      see(said, event);
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
    // One that was given up is known by the number that its answer must begin with.
    const late = this.done.find(({ asked, answer }) => answer === undefined && asked?.ack === event.seq);
    const exchange = waiting.find(({ asked }) => asked?.ack === last) ?? late;
    if (exchange === undefined) {
      if (this.count === 0) this.unasked ??= heard(event, message);
      return undefined;
    }
    exchange.answer = heard(event, message);
    return exchange;
  }

  private answerLookup(event: HeadEvent, message: DnsHead): Exchange | undefined {
    const exchange = this.all.find(
      ({ asked }) => asked?.message.what === 'dns' && isSameLookup(asked.message, message),
    );
    if (exchange === undefined) return undefined;
    if (exchange.answer !== undefined) {
      see(exchange.answer, event);
      return undefined;
    }
    exchange.answer = heard(event, message);
    return exchange;
  }
}

function see(known: Heard<unknown>, { netns, at }: HeadEvent): void {
  const { sightings } = known;
  if (sightings.length >= MAX_SIGHTINGS || sightings.some((one) => one.netns === netns)) return;
  known.sightings = [...sightings, { netns, at }];
}

const heard = <M>({ at, netns, seq, ack }: HeadEvent, message: M): Heard<M> => ({
  message,
  sightings: [{ netns, at }],
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
