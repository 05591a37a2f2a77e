import { contains, parseAddress, rangeBetween } from './address.ts';
import { lookup, type Circumstances } from './evaluate.ts';
import type { Elements } from './elements.ts';
import type { Field, Target, Targets, Verdict } from './model.ts';
import type { Packet } from './packet.ts';
import type { Place } from './place.ts';

export type Rewriting = Extract<Verdict, { kind: 'dnat' | 'snat' | 'redirect' | 'masquerade' }>;

/** Whether a rewrite may have led here. `any`: it may lead anywhere, which proves little. */
export function leadsTo({ kind, to }: Rewriting, place: Place, given: Circumstances): 'yes' | 'no' | 'any' {
  if (to.kind === 'any') return 'any';
  const fits = (target: Target): boolean =>
    addressFits(kind, target, place, given.packet) && portFits(kind, target, place, given.packet);
  if (to.kind === 'one') return fits(to.target) ? 'yes' : 'no';
  const found = lookup(to.key, to.map, given);
  if (found === 'no') return 'no';
  if (typeof found !== 'string') return fits(found.value) ? 'yes' : 'no';
  return to.exact.has(placeKey(place)) || to.others.some(fits) ? 'yes' : 'no';
}

/** The targets of a map, those that are one place apart: a map of a thousand endpoints is asked often. */
export function mapTargets(key: readonly Field[], map: Elements<Target>): Targets {
  const exact = new Set<string>();
  const others: Target[] = [];
  for (const { value } of map.all) {
    const place = placeOf(value);
    if (place) exact.add(placeKey(place));
    else others.push(value);
  }
  return { kind: 'map', key, map, exact, others };
}

/** The one place a target leads to. */
export function placeOf({ first, last, ports }: Target): Place | undefined {
  return first !== undefined && last === undefined && ports && ports[0] === ports[1]
    ? { ip: first, port: ports[0] }
    : undefined;
}

export const placeKey = ({ ip, port }: Place): string => `${ip} ${port}`;

function addressFits(
  kind: Rewriting['kind'],
  { first, last }: Target,
  { ip }: Place,
  packet: Packet,
): boolean {
  // Without an address DNAT keeps it; REDIRECT and MASQUERADE take one of the device's.
  if (first === undefined) return kind !== 'dnat' || ip === packet.dst;
  if (first === ip) return true;
  const range = last === undefined ? undefined : rangeBetween(first, last);
  const address = range && parseAddress(ip);
  return range !== undefined && address !== undefined && contains(range, address);
}

function portFits(kind: Rewriting['kind'], { ports }: Target, { port }: Place, packet: Packet): boolean {
  if (packet.protocol === 'icmp') return true;
  if (ports) return port >= ports[0] && port <= ports[1];
  // A source port that is taken is changed to any other (nf_nat_l4proto_unique_tuple).
  return kind === 'snat' || kind === 'masquerade' || port === packet.dport;
}
