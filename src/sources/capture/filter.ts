/**
 * What the kernel lets through to the capture: packets in which a message may begin or a head may end, so that the
 * cost is per message. In libpcap's language (pcap-filter(7)); a constant of ours, with nothing of a user's in it.
 *
 * Multicast DNS shares a port with the look-ups, and is none. A load behind a packet's end rejects it whatever stands after an `or`, so ports come before what looks into the
 * payload, and a segment with fewer than four bytes never passes for what is in it. `tcp[…]` reads IPv4 alone:
 * IPv6 has clauses of its own, for TCP right behind the fixed header.
 */

/** First four bytes of: RFC 9110's methods and PATCH; a status line; RFC 9113's preface; PROXY version 1. */
const BEGINNINGS = [
  'GET ',
  'HEAD',
  'POST',
  'PUT ',
  'DELE',
  'CONN',
  'OPTI',
  'TRAC',
  'PATC',
  'HTTP',
  'PRI ',
  'PROX',
];

/** Of a resolver, and of one behind a Service that may not bind 53 (CoreDNS' images and charts use these two). */
export const DNS_PORTS = [53, 1053, 5353] as const;

/** How to read the bytes of a TCP segment, by the version of IP. */
interface Reach {
  readonly guard: string;
  /** `size` bytes at `offset` of the payload. */
  readonly payload: (offset: number, size: 1 | 2 | 4) => string;
  /** The last four bytes of the packet. */
  readonly last: string;
}

const V4: Reach = {
  guard: 'ip',
  payload: (offset, size) => `tcp[((tcp[12]&0xf0)>>2)+${String(offset)}:${String(size)}]`,
  last: 'tcp[(ip[2:2]-((ip[0]&0xf)<<2)-4):4]',
};

const V6: Reach = {
  guard: 'ip6 and ip6[6]=6',
  payload: (offset, size) => `ip6[((ip6[52]&0xf0)>>2)+${String(40 + offset)}:${String(size)}]`,
  last: 'ip6[(36+ip6[4:2]):4]',
};

export function captureFilter({ ownLoopback }: { ownLoopback: boolean }): string {
  const ports = DNS_PORTS.map((port) => `port ${String(port)}`).join(' or ');
  const lookups = `((udp or tcp) and (${ports}) and not ip multicast and not ip6 multicast)`;
  const wanted = `${lookups} or ${messages(V4)} or ${messages(V6)}`;
  return ownLoopback
    ? wanted
    : `(not ((src net 127.0.0.0/8 and dst net 127.0.0.0/8) or (ip6 src host ::1 and ip6 dst host ::1))) and (${wanted})`;
}

function messages({ guard, payload, last }: Reach): string {
  const first = payload(0, 4);
  const clauses = [
    ...BEGINNINGS.map((text) => `${first}=${hexOf(text)}`),
    // PROXY version 2: \r\n\r\n\0\r\nQUIT\n.
    `(${first}=0x0d0a0d0a and ${payload(4, 4)}=0x000d0a51)`,
    // A TLS record of the type handshake, with a ClientHello in it.
    `(${payload(0, 2)}=0x1603 and ${payload(5, 1)}=1)`,
    // The end of a head that began in an earlier segment.
    `${last}=0x0d0a0d0a`,
  ];
  return `(tcp and ${guard} and (${clauses.join(' or ')}))`;
}

const hexOf = (text: string): string => `0x${Buffer.from(text, 'latin1').toString('hex')}`;
