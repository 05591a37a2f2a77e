/**
 * What was asked and answered on a connection: one exchange for each HTTP request or DNS query; one for the whole of a
 * connection whose words are not known (TLS, HTTP/2, other protocols) but that a proxy passed on.
 */
import type { NetnsId } from '../events/event.ts';
import type { DnsHead, HttpRequestHead, HttpResponseHead } from '../events/head.ts';
import type { Connection } from './connection.ts';
import type { JointEvidence } from './request.ts';

/** A message, and where and when it was seen: one object for all its sightings. */
export interface Heard<M> {
  readonly message: M;
  /** The first, first. */
  sightings: readonly Sighting[];
  /** TCP: of its first byte, and what its packet acknowledges. */
  readonly seq: number;
  readonly ack: number;
}

export interface Sighting {
  readonly netns: NetnsId;
  readonly at: number;
}

/** What ties an exchange to the one that a proxy had before it passed it on. */
export interface Joint {
  readonly exchange: Exchange;
  readonly evidence: JointEvidence;
  readonly text: string;
  /** Others would have fitted as well, or nothing but time speaks for it. */
  readonly weak: boolean;
}

export class Exchange {
  readonly connection: Connection;
  /** Which of its connection's: 0 for the first, and for the whole of it. */
  readonly index: number;
  /** Undefined: the whole connection. */
  readonly asked: Heard<HttpRequestHead | DnsHead> | undefined;
  answer: Heard<HttpResponseHead | DnsHead> | undefined;
  /** The proxy's other side, nearer to the client. */
  cause: Joint | undefined;
  /** What the proxy that served this one asked for it, in the order of time; bounded. */
  effects: readonly Exchange[] = [];
  /** Of a look-up: how many heads had been missed before it was asked. */
  missedBefore = 0;
  /** 0 while it goes on. */
  endedAt = 0;
  /** Its answer did not come, or no more of it than the beginning: it stalled, or was taken by who passes it on. */
  isCut = false;
  /** What came of it is told, or is part of what is. */
  settled = false;

  constructor(connection: Connection, index: number, asked: Exchange['asked']) {
    this.connection = connection;
    this.index = index;
    this.asked = asked;
  }

  /** When it began to be known. */
  get since(): number {
    return this.asked === undefined ? this.connection.firstAt : firstOf(this.asked);
  }
}

export const firstOf = ({ sightings }: Heard<unknown>): number => sightings[0]?.at ?? 0;

/** From the one to the other where both were seen at one place, the nearest to the client; nanoseconds. */
export function timeBetween(a: Heard<unknown>, b: Heard<unknown>): number | undefined {
  for (const { netns, at } of a.sightings) {
    const other = b.sightings.find((sighting) => sighting.netns === netns);
    if (other !== undefined) return other.at - at;
  }
  return undefined;
}

/** One without words of its own is told with what its proxy asked; one with words of its own is told once. */
export function isTold({ asked, cause, effects, connection }: Exchange): boolean {
  if (asked === undefined && (effects.length > 0 || (connection.dialogue?.count ?? 0) > 0)) return false;
  return causesOf(cause).every((one) => one.asked === undefined);
}

/** What caused it, and what caused that: towards the client. */
export function causesOf(joint: Joint | undefined): Exchange[] {
  const causes: Exchange[] = [];
  for (let next = joint; next !== undefined; next = next.exchange.cause) causes.push(next.exchange);
  return causes;
}

/** The exchanges that a told one is made of, from the client's side on. */
export function legsOf(told: Exchange): Exchange[] {
  return [...causesOf(told.cause).reverse(), ...withEffects(told)];
}

function withEffects(exchange: Exchange): Exchange[] {
  // A connection whose words came to be known is there with these.
  const effects = exchange.effects.filter(
    ({ asked, connection }) => asked !== undefined || connection.dialogue?.count === 0,
  );
  return [exchange, ...effects.flatMap(withEffects)];
}

/** The one that is told for an exchange: itself, or the first with words on its way. */
export function toldFor(exchange: Exchange): Exchange {
  return causesOf(exchange.cause).findLast(({ asked }) => asked !== undefined) ?? exchange;
}
