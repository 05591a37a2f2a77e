/** Numbers of errors in the words that their specifications have for them. */
import type { IcmpErrorEvent } from '../../events/event.ts';

const ERRNO: ReadonlyMap<number, string> = new Map([
  [101, 'ENETUNREACH'],
  [104, 'ECONNRESET'],
  [110, 'ETIMEDOUT'],
  [111, 'ECONNREFUSED'],
  [113, 'EHOSTUNREACH'],
]);

/** ICMP destination unreachable codes (RFC 792, RFC 1812) and ICMPv6's (RFC 4443). */
const UNREACHABLE: ReadonlyMap<number, string> = new Map([
  [0, 'net unreachable'],
  [1, 'host unreachable'],
  [2, 'protocol unreachable'],
  [3, 'port unreachable'],
  [4, 'fragmentation needed'],
  [9, 'net administratively prohibited'],
  [10, 'host administratively prohibited'],
  [13, 'administratively prohibited'],
]);
const UNREACHABLE6: ReadonlyMap<number, string> = new Map([
  [0, 'no route'],
  [1, 'administratively prohibited'],
  [3, 'address unreachable'],
  [4, 'port unreachable'],
  [5, 'source policy failed'],
  [6, 'route rejected'],
]);

export const errnoWords = (error: number): string => ERRNO.get(error) ?? `errno ${String(error)}`;

export function icmpWords({ family, type, code, src }: IcmpErrorEvent): string {
  const words = family === 4 ? words4(type, code) : words6(type, code);
  return `ICMP${family === 6 ? 'v6' : ''} ${words ?? `type ${String(type)} code ${String(code)}`} from ${src}`;
}

function words4(type: number, code: number): string | undefined {
  if (type === 3) return UNREACHABLE.get(code);
  return type === 11 ? 'time exceeded' : undefined;
}

function words6(type: number, code: number): string | undefined {
  if (type === 1) return UNREACHABLE6.get(code);
  if (type === 2) return 'packet too big';
  return type === 3 ? 'time exceeded' : undefined;
}

/** Asks for smaller packets: RFC 1191, RFC 8201. */
export const isTooBigError = ({ family, type, code }: IcmpErrorEvent): boolean =>
  family === 4 ? type === 3 && code === 4 : type === 2;
