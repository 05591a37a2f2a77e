import ipaddr from 'ipaddr.js';

/**
 * An address as it stands in a tuple: dotted, or RFC 5952 for IPv6; IPv4 in IPv6 (::ffff:10.0.0.1, as a
 * dual-stack socket sees an IPv4 peer) becomes the IPv4 address that is in the packet. Undefined for what is
 * no address.
 */
export function canonicalAddress(text: string): string | undefined {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const address = parse(text);
  if (address === undefined) return undefined;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(text, address);
  return address;
}

export const isLoopback = (canonical: string): boolean => canonical.startsWith('127.') || canonical === '::1';

const CACHE_LIMIT = 20_000;
const cache = new Map<string, string>();
/** The longest text of an address: IPv4 in IPv6 written out. */
const LONGEST = 45;

function parse(text: string): string | undefined {
  if (text.length > LONGEST) return undefined;
  // ipaddr.js also takes 0x7f.1 and 10.1, which no tool of ours prints.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.process(text);
  return address instanceof ipaddr.IPv6 ? withoutZone(address).toRFC5952String() : address.toString();
}

function withoutZone(address: ipaddr.IPv6): ipaddr.IPv6 {
  return new ipaddr.IPv6(address.parts);
}
