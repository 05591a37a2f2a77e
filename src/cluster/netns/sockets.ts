import { endianness } from 'node:os';
import { canonicalAddress } from '../../events/address.ts';
import type { Protocol } from '../../events/tuple.ts';

/** A socket that waits for others to begin. */
export interface ListeningSocket {
  readonly protocol: Protocol;
  readonly ip: string;
  readonly port: number;
  readonly inode: number;
}

/** enum in include/net/tcp_states.h; UDP uses CLOSE for a socket without a fixed peer. */
const LISTEN = '0A';
const CLOSE = '07';
/** Default net.ipv4.ip_local_port_range: an unconnected UDP socket there asks, as a rule, and does not serve. */
const EPHEMERAL = { first: 32_768, last: 60_999 };

/** From /proc/PID/net/{tcp,tcp6}; in them the listening sockets stand first (tcp_seq_start). */
export const parseTcp = (text: string): ListeningSocket[] =>
  sockets(text, 'tcp').flatMap(({ state, ...socket }) => (state === LISTEN ? [socket] : []));

/** From /proc/PID/net/{udp,udp6}. */
export const parseUdp = (text: string): ListeningSocket[] =>
  sockets(text, 'udp').flatMap(({ state, ...socket }) =>
    state === CLOSE && !(socket.port >= EPHEMERAL.first && socket.port <= EPHEMERAL.last) ? [socket] : [],
  );

/** From /proc/PID/net/sctp/eps: one line a listening endpoint, its addresses at the end. */
export function parseSctp(text: string): ListeningSocket[] {
  return lines(text).flatMap((fields) => {
    const [, , style, state, , port, , inode, ...addresses] = fields;
    // SS_LISTENING is 10 for one-to-one sockets (TCP style, 2); a one-to-many socket (UDP style, 0) has no state of its own.
    if (!/^\d+$/.test(port ?? '') || !(state === '10' || style === '0')) return [];
    return addresses.flatMap((address) => {
      const ip = canonicalAddress(address);
      return ip === undefined
        ? []
        : [{ protocol: 'sctp' as const, ip: wildcard(ip), port: Number(port), inode: Number(inode) }];
    });
  });
}

function sockets(text: string, protocol: Protocol): (ListeningSocket & { state: string })[] {
  return lines(text).flatMap((fields) => {
    const [address = '', port = ''] = fields[1]?.split(':') ?? [];
    const [state, inode] = [fields[3], Number(fields[9])];
    const ip = addressOf(address);
    if (ip === undefined || state === undefined || !/^[0-9A-F]{4}$/.test(port) || !Number.isInteger(inode))
      return [];
    return [{ protocol, ip: wildcard(ip), port: parseInt(port, 16), inode, state }];
  });
}

const lines = (text: string): string[][] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));

/** [::] takes IPv4 too unless it asked not to (IPV6_V6ONLY), which /proc does not show. */
const wildcard = (ip: string): string => (ip === '::' ? '*' : ip);

/** The kernel prints each 32-bit word of the address as a number of the machine's own byte order. */
function addressOf(hex: string): string | undefined {
  if (!/^(?:[0-9A-F]{8}){1,4}$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16));
  return canonicalAddress(groups.join(':'));
}
