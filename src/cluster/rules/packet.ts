import type { Hook } from '../../trace/request.ts';
import type { Protocol, Tuple } from '../../events/tuple.ts';

/** Whether an address is one of the namespace's own. */
export type IsLocal = (ip: string) => boolean;

/** The first packet of a connection, as the rules of one hook see it. */
export interface Packet {
  readonly family: 4 | 6;
  readonly protocol: Protocol;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly srcLocal: boolean;
  readonly dstLocal: boolean;
  /** Absent where not known. */
  readonly inDevice: string | undefined;
  readonly outDevice: string | undefined;
  /** Sent by this namespace itself: it came in by no device. */
  readonly sentHere: boolean;
  /** The destination was rewritten before this. */
  readonly translated: boolean;
}

export interface Way {
  readonly inDevice?: string;
  readonly outDevice?: string;
  readonly sentHere: boolean;
}

export function packetOf(tuple: Tuple, way: Way, isLocal: IsLocal, translated: boolean): Packet {
  return {
    family: tuple.src.includes(':') ? 6 : 4,
    protocol: tuple.protocol,
    src: tuple.src,
    dst: tuple.dst,
    sport: tuple.sport,
    dport: tuple.dport,
    srcLocal: isLoopback(tuple.src) || isLocal(tuple.src),
    dstLocal: isLoopback(tuple.dst) || isLocal(tuple.dst),
    inDevice: way.inDevice,
    outDevice: way.outDevice,
    sentHere: way.sentHere,
    translated,
  };
}

export const isLoopback = (ip: string): boolean => ip.startsWith('127.') || ip === '::1';

/** A device the packet has at no time in this hook, as against one that is only not known. */
export function hasNoDevice(packet: Packet, side: 'in' | 'out', hook: Hook): boolean {
  return side === 'in' ? packet.sentHere : hook === 'PREROUTING' || hook === 'INPUT';
}
