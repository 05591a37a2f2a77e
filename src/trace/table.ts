/**
 * The connections that are known, and the ways to find the one a packet belongs to.
 *
 * What NAT does not change proves identity: the TCP initial sequence number (SCTP: initiate tag), on one
 * kernel also the packet's buffer pointer while the packet lives. The tuple alone does not: isolated networks
 * may use the same addresses at the same time, and ports are used again.
 */
import type { NetnsId } from '../events/event.ts';
import { sameFlow } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { append } from './connection.ts';
import type { Connection, Devices } from './connection.ts';
import { flowKey } from './flow-key.ts';
import { MultiMap } from './multimap.ts';

/** A packet crosses a kernel in far less; its buffer is reused soon after. */
const BUFFER_LIFE_NS = 1_000_000_000;
/** Buffers remembered; more than a node has in flight. */
const MAX_BUFFERS = 32_768;

/** A packet as it was last seen in a buffer. */
export interface Held {
  readonly connection: Connection;
  readonly at: number;
  readonly tuple: Tuple;
  readonly devices: Devices;
}

export class Table {
  private readonly connections = new Set<Connection>();
  private readonly byFlow = new MultiMap<string, Connection>();
  private readonly byIsn = new MultiMap<number, Connection>();
  private readonly byBuffer = new Map<number, Held>();

  get size(): number {
    return this.connections.size;
  }

  /** Oldest first. */
  all(): Iterable<Connection> {
    return this.connections;
  }

  add(connection: Connection): void {
    this.connections.add(connection);
    this.learnTuple(connection.client, connection);
    if (connection.isn >= 0) this.byIsn.add(connection.isn, connection);
  }

  has(connection: Connection): boolean {
    return this.connections.has(connection);
  }

  /** The connection's packets have this tuple somewhere on their way. */
  learnTuple(tuple: Tuple, connection: Connection): void {
    const key = flowKey(tuple);
    if (connection.flowKeys.includes(key)) return;
    connection.flowKeys = append(connection.flowKeys, key);
    this.byFlow.add(key, connection);
  }

  learnBuffer(skb: number, held: Held): void {
    if (this.byBuffer.size >= MAX_BUFFERS) this.byBuffer.clear();
    this.byBuffer.set(skb, held);
  }

  /** Its number was not known when it was added. */
  learnIsn(isn: number, connection: Connection): void {
    connection.isn = isn;
    this.byIsn.add(isn, connection);
  }

  withIsn(isn: number): readonly Connection[] {
    return this.byIsn.get(isn);
  }

  /** What was last seen in this buffer, if that may still be the same packet. */
  inBuffer(skb: number, at: number): Held | undefined {
    const held = this.byBuffer.get(skb);
    if (held === undefined || at - held.at > BUFFER_LIFE_NS || at < held.at) return undefined;
    return this.connections.has(held.connection) ? held : undefined;
  }

  withTuple(tuple: Tuple): readonly Connection[] {
    return this.byFlow.get(flowKey(tuple));
  }

  remove(connection: Connection): void {
    this.connections.delete(connection);
    for (const key of connection.flowKeys) this.byFlow.remove(key, connection);
    if (connection.isn >= 0) this.byIsn.remove(connection.isn, connection);
  }
}

/** Whether a packet with this tuple was seen, or is expected by an entry, in this very namespace. */
export function knownIn(connection: Connection, netns: NetnsId, tuple: Tuple): boolean {
  if (connection.origin === netns && sameFlow(connection.client, tuple)) return true;
  for (const crossing of connection.forward) {
    if (crossing.devices.netns === netns && sameFlow(crossing.tuple, tuple)) return true;
  }
  for (const crossing of connection.reply) {
    if (crossing.devices.netns === netns && sameFlow(crossing.tuple, tuple)) return true;
  }
  for (const entry of connection.entries) {
    if (entry.netns === netns && (sameFlow(entry.original, tuple) || sameFlow(entry.reply, tuple)))
      return true;
  }
  return false;
}
