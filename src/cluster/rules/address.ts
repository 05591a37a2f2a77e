import ipaddr from 'ipaddr.js';

/** A run of addresses of one family: a prefix, a range, or one address. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: number | bigint;
  readonly last: number | bigint;
}

export interface Address {
  readonly family: 4 | 6;
  readonly value: number | bigint;
}

export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  if (text.length > 45 || !ipaddr.IPv6.isValid(text)) return undefined;
  const bytes = ipaddr.IPv6.parse(text).toByteArray();
  return { family: 6, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
}

/** Each packet's addresses are read for each explanation, so this one by hand. */
function parseIpv4(text: string): Address | undefined {
  let value = 0;
  let byte = 0;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      byte = byte * 10 + code - 48;
      if (++digits > 3 || byte > 255) return undefined;
    } else if (code === 46 && digits > 0 && dots < 3) {
      value = value * 256 + byte;
      byte = 0;
      digits = 0;
      dots++;
    } else return undefined;
  }
  return dots === 3 && digits > 0 ? { family: 4, value: value * 256 + byte } : undefined;
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`, `10.0.0.1-10.0.0.9`. */
export function parseRange(text: string): AddressRange | undefined {
  const dash = text.indexOf('-');
  if (dash >= 0) return rangeBetween(text.slice(0, dash), text.slice(dash + 1));
  const slash = text.indexOf('/');
  if (slash < 0) return rangeBetween(text, text);
  const address = parseAddress(text.slice(0, slash));
  const length = address && prefixLength(text.slice(slash + 1), address.family);
  return address && length !== undefined ? prefixRange(address, length) : undefined;
}

export function rangeBetween(from: string, to: string): AddressRange | undefined {
  const first = parseAddress(from);
  const last = parseAddress(to);
  if (!first || first.family !== last?.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

export function contains(range: AddressRange, address: Address): boolean {
  return range.family === address.family && address.value >= range.first && address.value <= range.last;
}

function prefixRange({ family, value }: Address, length: number): AddressRange {
  if (family === 4) {
    const size = 2 ** (32 - length);
    const first = Math.floor(Number(value) / size) * size;
    return { family, first, last: first + size - 1 };
  }
  const host = (1n << BigInt(128 - length)) - 1n;
  const first = BigInt(value) & ~host;
  return { family, first, last: first | host };
}

function prefixLength(text: string, family: 4 | 6): number | undefined {
  if (/^\d{1,3}$/.test(text)) {
    const length = Number(text);
    return length <= (family === 4 ? 32 : 128) ? length : undefined;
  }
  // iptables prints a mask that is no prefix as an address; such a mask is no range, so it is not known here.
  return ipaddr.isValid(text) ? (ipaddr.parse(text).prefixLengthFromSubnetMask() ?? undefined) : undefined;
}

/** The way the tools print it: an address, a prefix, or first and last. */
export function formatRange({ family, first, last }: AddressRange): string {
  const text = formatAddress(family, BigInt(first));
  const bits = BigInt(last) - BigInt(first) + 1n;
  if (bits === 1n) return text;
  const host = bits.toString(2).length - 1;
  const isPrefix = bits === 1n << BigInt(host) && BigInt(first) % bits === 0n;
  return isPrefix
    ? `${text}/${String((family === 4 ? 32 : 128) - host)}`
    : `${text}-${formatAddress(family, BigInt(last))}`;
}

function formatAddress(family: 4 | 6, value: bigint): string {
  const length = family === 4 ? 4 : 16;
  const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 255n));
  return ipaddr.fromByteArray(bytes).toString();
}
