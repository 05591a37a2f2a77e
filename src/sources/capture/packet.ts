/**
 * A captured packet down to what TCP or UDP carries. Everything in it is from the network: lengths are checked against
 * what was captured, headers are few.
 */
import ipaddr from 'ipaddr.js';
import type { Segment } from '../wire/assembler.ts';
import { LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from './pcap.ts';

/** Why there is none: of no interest here, or not to be read. */
export type NoSegment = 'other' | 'fragment' | 'malformed';

/** @param time of the capture, in nanoseconds of the monotonic clock */
export function segmentOf(linkType: number, data: Buffer, time: number): Segment | NoSegment {
  switch (linkType) {
    case LINKTYPE_LINUX_SLL:
      return data.length < 16 ? 'malformed' : network({ data, time }, data.readUInt16BE(14), 16);
    case LINKTYPE_LINUX_SLL2:
      return data.length < 20 ? 'malformed' : network({ data, time }, data.readUInt16BE(0), 20);
    default:
      return 'other';
  }
}

interface Packet {
  readonly data: Buffer;
  readonly time: number;
}

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 };
/** IEEE 802.1ad: one of the provider's and one of the customer's. */
const MOST_TAGS = 2;

function network(packet: Packet, etherType: number, at: number): Segment | NoSegment {
  const { data } = packet;
  let type = etherType;
  let position = at;
  for (let tags = 0; type === ETHERTYPE.vlan || type === ETHERTYPE.serviceVlan; tags++) {
    if (tags === MOST_TAGS) return 'other';
    if (data.length < position + 4) return 'malformed';
    type = data.readUInt16BE(position + 2);
    position += 4;
  }
  if (type === ETHERTYPE.ipv4) return ipv4(packet, position);
  return type === ETHERTYPE.ipv6 ? ipv6(packet, position) : 'other';
}

function ipv4(packet: Packet, at: number): Segment | NoSegment {
  const { data } = packet;
  if (data.length < at + 20) return 'malformed';
  const first = data.readUInt8(at);
  const header = (first & 0xf) * 4;
  const total = data.readUInt16BE(at + 2);
  if (first >>> 4 !== 4 || header < 20 || total < header) return 'malformed';
  if ((data.readUInt16BE(at + 6) & 0x1fff) !== 0) return 'fragment';
  const end = at + total;
  return transport(packet, data.readUInt8(at + 9), at + header, end, () => [
    address4(data.readUInt32BE(at + 12)),
    address4(data.readUInt32BE(at + 16)),
  ]);
}

/** RFC 8200: hop-by-hop, routing, destination options; 44 is the fragment header. */
const OPTIONS = new Set([0, 43, 60]);
const FRAGMENT = 44;
/** RFC 8200, 4.1: each at most once, but destination options twice. */
const MOST_EXTENSIONS = 5;

function ipv6(packet: Packet, at: number): Segment | NoSegment {
  const { data } = packet;
  if (data.length < at + 40) return 'malformed';
  if (data.readUInt8(at) >>> 4 !== 6) return 'malformed';
  const end = at + 40 + data.readUInt16BE(at + 4);
  let next = data.readUInt8(at + 6);
  let position = at + 40;
  for (let extensions = 0; OPTIONS.has(next) || next === FRAGMENT; extensions++) {
    if (extensions === MOST_EXTENSIONS || data.length < position + 8) return 'malformed';
    if (next === FRAGMENT && (data.readUInt16BE(position + 2) & 0xfff8) !== 0) return 'fragment';
    const length = next === FRAGMENT ? 8 : 8 + data.readUInt8(position + 1) * 8;
    next = data.readUInt8(position);
    position += length;
  }
  return transport(packet, next, position, end, () => [address6(data, at + 8), address6(data, at + 24)]);
}

const TCP = 6;
const UDP = 17;
const SYN = 2;

/** @param end of the packet, which may lie behind what was captured */
function transport(
  { data, time }: Packet,
  protocol: number,
  at: number,
  end: number,
  addresses: () => [string, string],
): Segment | NoSegment {
  const smallest = protocol === TCP ? 20 : protocol === UDP ? 8 : undefined;
  if (smallest === undefined) return 'other';
  if (data.length < at + smallest) return 'malformed';
  const header = protocol === TCP ? (data.readUInt8(at + 12) >>> 4) * 4 : 8;
  const begin = at + header;
  if (header < smallest || begin > end) return 'malformed';
  const [src, dst] = addresses();
  const sport = data.readUInt16BE(at);
  const dport = data.readUInt16BE(at + 2);
  const payload = data.subarray(begin, end);
  const payloadBytes = end - begin;
  if (protocol === UDP) {
    const tuple = { protocol: 'udp', src, dst, sport, dport } as const;
    return { at: time, tuple, seq: 0, ack: 0, payload, payloadBytes };
  }
  // A SYN stands before the first byte (RFC 9293, 3.4).
  const syn = (data.readUInt8(at + 13) & SYN) === 0 ? 0 : 1;
  const seq = (data.readUInt32BE(at + 4) + syn) >>> 0;
  const ack = data.readUInt32BE(at + 8);
  return { at: time, tuple: { protocol: 'tcp', src, dst, sport, dport }, seq, ack, payload, payloadBytes };
}

const texts = new Map<number | string, string>();
const TEXTS = 65_536;

function address4(number: number): string {
  return texts.get(number) ?? remember(number, () => ipaddr.fromByteArray(bytesOf(number)).toString());
}

const bytesOf = (n: number): number[] => [n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff];

function address6(data: Buffer, at: number): string {
  const key = data.toString('latin1', at, at + 16);
  const known = texts.get(key);
  return known ?? remember(key, () => text6([...data.subarray(at, at + 16)]));
}

/** IPv4 in IPv6 as the probes tell it. */
function text6(bytes: number[]): string {
  const address = new ipaddr.IPv6(bytes);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

function remember(key: number | string, write: () => string): string {
  if (texts.size >= TEXTS) texts.clear();
  const text = write();
  texts.set(key, text);
  return text;
}
