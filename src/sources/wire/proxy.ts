/** PROXY protocol, versions 1 and 2 (haproxy: doc/proxy-protocol.txt). */
import ipaddr from 'ipaddr.js';
import { canonicalAddress } from '../../events/address.ts';
import type { ProxyHead } from '../../events/head.ts';
import { crc32c } from './crc32c.ts';
import { MAX_HEAD_BYTES, matches } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';
import { plain } from './text.ts';

export const PROXY1 = Buffer.from('PROXY ');
export const PROXY2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n');

/** "The worst case", its line end included. */
const LONGEST_LINE = 107;
const NEWLINE = 0x0a;

/** Version 1: `PROXY TCP4 192.0.2.1 198.51.100.2 51111 80`, and a line end. */
export function readProxy1(bytes: Buffer, { cut }: Pick<ReadOptions, 'cut'>): Reading<ProxyHead> {
  if (!matches(bytes, PROXY1)) return undefined;
  const newline = bytes.subarray(0, LONGEST_LINE).indexOf(NEWLINE);
  if (newline < 0) {
    if (bytes.length < LONGEST_LINE) return cut ? undefined : 'incomplete';
    const message = faulty(1, `its line does not end within ${LONGEST_LINE} bytes`);
    return { message, length: LONGEST_LINE, body: undefined };
  }
  const line = bytes.toString('latin1', 0, newline);
  const message = line.endsWith('\r') ? proxyLine(line.slice(0, -1)) : faulty(1, 'its line ends without CR');
  return { message, length: newline + 1, body: 0 };
}

function proxyLine(line: string): ProxyHead {
  const [, protocol, src = '', dst = '', sport = '', dport = '', ...more] = line.split(' ');
  if (protocol === 'UNKNOWN') return { what: 'proxy-header', version: 1, command: 'unknown', complete: true };
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return faulty(1, 'it names no protocol that there is');
  const source = endpoint(protocol, src, sport);
  const destination = endpoint(protocol, dst, dport);
  if (source === undefined || destination === undefined || more.length > 0)
    return faulty(1, `its addresses are not those of ${protocol}`);
  return { what: 'proxy-header', version: 1, command: 'proxy', source, destination, complete: true };
}

interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

function endpoint(protocol: 'TCP4' | 'TCP6', address: string, port: string): Endpoint | undefined {
  const ip = canonicalAddress(address);
  if (ip === undefined || address.includes(':') !== (protocol === 'TCP6')) return undefined;
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 0xffff) return undefined;
  return { ip, port: Number(port) };
}

/** Signature, version and command, family, length. */
const FIXED_BYTES = 16;
/** Bytes of one address by family: AF_INET, AF_INET6; AF_UNIX (3) is passed over. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 16 };
const UNIX_BYTES = 216;

export function readProxy2(bytes: Buffer, { cut }: Pick<ReadOptions, 'cut'>): Reading<ProxyHead> {
  if (!matches(bytes, PROXY2)) return undefined;
  if (bytes.length < FIXED_BYTES) return cut ? undefined : 'incomplete';
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  const complete = bytes.length >= length;
  if (!complete && !cut && bytes.length < MAX_HEAD_BYTES) return 'incomplete';
  const head = bytes.subarray(0, length);
  return { message: proxyHeader(head, length, complete), length: head.length, body: length - head.length };
}

/** @param length what it says it has; `head` is shorter where it was cut */
function proxyHeader(head: Buffer, length: number, complete: boolean): ProxyHead {
  const [version, command] = nibbles(head.readUInt8(12));
  const [family, transport] = nibbles(head.readUInt8(13));
  if (version !== 2) return faulty(2, `it says version ${version}`, complete);
  if (command > 1) return faulty(2, `it says command ${command}`, complete);
  if (family > 3 || transport > 2)
    return faulty(2, 'it says a family or transport that there is not', complete);

  const size = ADDRESS_BYTES[family];
  const tlvsAt = FIXED_BYTES + (size === undefined ? (family === 3 ? UNIX_BYTES : 0) : size * 2 + 4);
  if (tlvsAt > length) return faulty(2, 'it is shorter than its addresses', complete);
  const tlvs = readTlvs(head, tlvsAt, complete);
  const shared = {
    what: 'proxy-header',
    version: 2,
    ...(tlvs.authority === undefined ? {} : { authority: plain(tlvs.authority.toString('latin1'), 256) }),
    ...(tlvs.uniqueId === undefined ? {} : { uniqueId: tlvs.uniqueId.toString('hex') }),
    ...(tlvs.fault === undefined ? {} : { fault: tlvs.fault }),
    complete,
  } as const;
  // A LOCAL one may carry addresses; they mean nothing.
  if (command === 0) return { ...shared, command: 'local' };
  if (family === 0 || transport === 0) return { ...shared, command: 'unknown' };
  if (size === undefined || head.length < tlvsAt) return { ...shared, command: 'proxy' };
  const ports = FIXED_BYTES + size * 2;
  return {
    ...shared,
    command: 'proxy',
    source: { ip: address(head, FIXED_BYTES, size), port: head.readUInt16BE(ports) },
    destination: { ip: address(head, FIXED_BYTES + size, size), port: head.readUInt16BE(ports + 2) },
  };
}

const AUTHORITY = 0x02;
const CRC32C = 0x03;
const UNIQUE_ID = 0x05;
const LONGEST_UNIQUE_ID = 128;

interface Tlvs {
  authority?: Buffer;
  uniqueId?: Buffer;
  fault?: string;
}

/** Those that are there whole; the others only if they ought to be. */
function readTlvs(head: Buffer, from: number, complete: boolean): Tlvs {
  const tlvs: Tlvs = {};
  let at = from;
  while (at < head.length) {
    const end = at + 3 <= head.length ? at + 3 + head.readUInt16BE(at + 1) : Infinity;
    if (end > head.length) {
      if (complete) tlvs.fault ??= 'one of its TLVs reaches beyond it';
      break;
    }
    const value = head.subarray(at + 3, end);
    const type = head[at];
    if (type === AUTHORITY) tlvs.authority = value;
    else if (type === UNIQUE_ID && value.length <= LONGEST_UNIQUE_ID) tlvs.uniqueId = value;
    else if (type === CRC32C && value.length !== 4) tlvs.fault ??= 'its CRC32C has not four bytes';
    else if (type === CRC32C && complete && !isRight(value.readUInt32BE(0), head, at + 3))
      tlvs.fault ??= 'its CRC32C is wrong';
    at = end;
  }
  return tlvs;
}

/** The sum is of the whole header with zeros where it stands itself. */
function isRight(sum: number, head: Buffer, at: number): boolean {
  const zeroed = Buffer.from(head);
  zeroed.writeUInt32BE(0, at);
  return crc32c(zeroed) === sum;
}

/** As it stands in a tuple, IPv4 in IPv6 as IPv4. */
function address(head: Buffer, at: number, size: number): string {
  const ip = ipaddr.fromByteArray([...head.subarray(at, at + size)]);
  if (!(ip instanceof ipaddr.IPv6)) return ip.toString();
  return ip.isIPv4MappedAddress() ? ip.toIPv4Address().toString() : ip.toRFC5952String();
}

function faulty(version: 1 | 2, fault: string, complete = true): ProxyHead {
  return { what: 'proxy-header', version, command: 'unknown', fault, complete };
}

const nibbles = (byte: number): [number, number] => [byte >> 4, byte & 0x0f];
