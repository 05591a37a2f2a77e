/** Look-ups of late: whoever dials an address has mostly asked for it just before. */
import type { NetnsId } from '../events/event.ts';
import type { DnsHead } from '../events/head.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { isGroup } from './one-way.ts';

/** Programs keep what they looked up for so long at most, or nobody can tell any more why they dial. */
const LIFE_NS = 60_000_000_000;
/** Namespaces and names kept; a node's pods ask for fewer within the time. */
const MAX_KEYS = 16_384;
/** Look-ups kept for each. */
const MAX_EACH = 16;

export interface Lookup {
  readonly exchange: Exchange;
  readonly asked: DnsHead;
  readonly at: number;
}

export class Lookups {
  /** By who asked and the first label of the name: what a search list tries lies together. */
  private readonly tried = new Map<string, readonly Lookup[]>();
  /** By who asked and the address answered. */
  private readonly found = new Map<string, readonly Lookup[]>();

  /** Heads that began and could not be read, so far. */
  missed = 0;

  /** A question; its answer is seen in it once it has come. */
  asked(exchange: Exchange, asked: DnsHead, at: number): void {
    exchange.missedBefore = this.missed;
    keep(this.tried, keyOf(exchange.connection.origin, firstLabel(asked.name)), { exchange, asked, at });
  }

  answered(exchange: Exchange, asked: DnsHead, answer: DnsHead, at: number): void {
    for (const address of answer.answers) {
      keep(this.found, keyOf(exchange.connection.origin, address), { exchange, asked, at });
    }
  }

  /** The last look-up by the one who dialled that gave the address dialled, before the dial. */
  before({ origin, client, firstAt, beginningSeen, sourceSeen }: Connection): Lookup | undefined {
    if (!beginningSeen || !sourceSeen) return undefined;
    return this.found
      .get(keyOf(origin, client.dst))
      ?.findLast(({ at }) => at <= firstAt + SKEW_NS && firstAt - at < LIFE_NS);
  }

  /**
   * Whether silence tells nothing of a look-up: something came back that could not be read, or it was asked of a group,
   * of whom whoever knows nothing keeps still (RFC 6762, 6).
   */
  mayBeAnswered({ connection, missedBefore }: Exchange): boolean {
    return isGroup(connection.client.dst) || (connection.answered && this.missed > missedBefore);
  }

  /** The other names tried for the same one, around a time; oldest first. */
  alike(exchange: Exchange, asked: DnsHead, at: number): Lookup[] {
    const all = this.tried.get(keyOf(exchange.connection.origin, firstLabel(asked.name))) ?? [];
    return all.filter(
      (other) =>
        other.exchange !== exchange &&
        other.asked.type === asked.type &&
        other.asked.name !== asked.name &&
        Math.abs(other.at - at) < TRIES_NS,
    );
  }
}

/** Time stamps of heads are taken by the reader, a moment later than those of the probes. */
const SKEW_NS = 100_000_000;
/** A search list is gone through in less, where the resolver answers. */
const TRIES_NS = 5_000_000_000;

const keyOf = (netns: NetnsId, text: string): string => `${String(netns)} ${text}`;

const firstLabel = (name: string): string => name.split('.', 1)[0]?.toLowerCase() ?? '';

function keep(map: Map<string, readonly Lookup[]>, key: string, lookup: Lookup): void {
  const known = map.get(key) ?? [];
  // Last in the order of insertion, so that the first key is the one longest unused.
  map.delete(key);
  map.set(key, [...known.slice(1 - MAX_EACH), lookup]);
  const [oldest] = map.keys();
  if (map.size > MAX_KEYS && oldest !== undefined) map.delete(oldest);
}
