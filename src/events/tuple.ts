/**
 * The five-tuple of a packet or of one direction of a conntrack entry, in the field's sense
 * (`struct nf_conntrack_tuple`). Addresses are text in canonical form (RFC 5952 for IPv6); the decoder
 * interns them, so equal addresses are usually the same string object.
 */

export type Protocol = 'tcp' | 'udp' | 'sctp' | 'icmp';

export interface Tuple {
  readonly protocol: Protocol;
  readonly src: string;
  readonly dst: string;
  /** Source port; for ICMP echo the identifier. 0 where the protocol has none. */
  readonly sport: number;
  /** Destination port; for ICMP echo 0. */
  readonly dport: number;
}

/** The tuple of the answer: source and destination swapped. After-NAT = invert(reply). */
export function invert(tuple: Tuple): Tuple {
  // ICMP echo keeps its identifier in the same field in both directions (nf_conntrack_proto_icmp.c).
  return tuple.protocol === 'icmp'
    ? { protocol: 'icmp', src: tuple.dst, dst: tuple.src, sport: tuple.sport, dport: tuple.dport }
    : { protocol: tuple.protocol, src: tuple.dst, dst: tuple.src, sport: tuple.dport, dport: tuple.sport };
}

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return (
    a.sport === b.sport &&
    a.dport === b.dport &&
    a.protocol === b.protocol &&
    a.src === b.src &&
    a.dst === b.dst
  );
}

/** Equal, or the one is the answer's tuple of the other. */
export function sameFlow(a: Tuple, b: Tuple): boolean {
  if (sameTuple(a, b)) return true;
  return a.protocol === 'icmp'
    ? b.protocol === 'icmp' && a.sport === b.sport && a.src === b.dst && a.dst === b.src
    : a.sport === b.dport &&
        a.dport === b.sport &&
        a.protocol === b.protocol &&
        a.src === b.dst &&
        a.dst === b.src;
}

/** `10.0.0.1:80`, `[::1]:80`; without a port where it is 0. */
export function formatEndpoint(ip: string, port: number): string {
  if (port === 0) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export const sourceOf = (tuple: Tuple): string => formatEndpoint(tuple.src, tuple.sport);
export const destinationOf = (tuple: Tuple): string => formatEndpoint(tuple.dst, tuple.dport);
