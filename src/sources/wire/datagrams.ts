import type { DnsHead } from '../../events/head.ts';
import type { Tuple } from '../../events/tuple.ts';

/** A packet passes the interfaces of a namespace in less; resolvers ask again, with the same number, after more. */
const SAME_PACKET_NS = 100_000_000;
const MAX_REMEMBERED = 4096;

/** DNS datagrams lately seen: each is captured at several interfaces, and has no number in the stream. */
export class Datagrams {
  private readonly seen = new Map<string, number>();

  isNew({ src, dst, sport, dport }: Tuple, { id, response, type, name }: DnsHead, at: number): boolean {
    const key = `${src} ${sport} ${dst} ${dport} ${id} ${response} ${type} ${name}`;
    const last = this.seen.get(key);
    if (last !== undefined && at - last <= SAME_PACKET_NS) return false;
    if (this.seen.size >= MAX_REMEMBERED) this.seen.clear();
    this.seen.set(key, at);
    return true;
  }
}
