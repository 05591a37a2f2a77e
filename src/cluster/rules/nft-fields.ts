import { isObject, listOf, textOf } from './json.ts';
import type { Field } from './model.ts';

/** The fields that the left side of a match, or the key of a map, is made of. */
export function fieldsOf(json: unknown): Field[] {
  const parts = isObject(json) && Array.isArray(json['concat']) ? listOf(json['concat']) : [json];
  return parts.map(fieldOf);
}

function fieldOf(json: unknown): Field {
  if (!isObject(json)) return 'unknown';
  const { payload, meta, fib } = json;
  if (isObject(payload)) return payloadField(textOf(payload['protocol']), textOf(payload['field']));
  if (isObject(meta)) return META.get(textOf(meta['key'])) ?? 'unknown';
  if (isObject(fib) && fib['result'] === 'type') {
    const flags = listOf(fib['flags']);
    if (flags.length === 1)
      return flags[0] === 'saddr' ? 'src-type' : flags[0] === 'daddr' ? 'dst-type' : 'unknown';
  }
  return 'numgen' in json || 'jhash' in json || 'symhash' in json ? 'chance' : 'unknown';
}

const META: ReadonlyMap<string, Field> = new Map(
  Object.entries<Field>({
    l4proto: 'protocol',
    iifname: 'in',
    oifname: 'out',
    iif: 'in',
    oif: 'out',
    mark: 'mark',
  }),
);

function payloadField(protocol: string, field: string): Field {
  if (protocol === 'ip' || protocol === 'ip6') {
    if (field === 'saddr') return 'src';
    if (field === 'daddr') return 'dst';
    return field === 'protocol' || field === 'nexthdr' ? 'protocol' : 'unknown';
  }
  if (!PORT_PROTOCOLS.has(protocol)) return 'unknown';
  return field === 'dport' || field === 'sport' ? field : 'unknown';
}

const PORT_PROTOCOLS: ReadonlySet<string> = new Set(['th', 'tcp', 'udp', 'sctp', 'udplite', 'dccp']);

/** What reading these headers presupposes; nft leaves it out of the listing. */
export function presupposed(json: unknown): { protocol?: string; family?: 4 | 6 } {
  const parts = isObject(json) && Array.isArray(json['concat']) ? listOf(json['concat']) : [json];
  let found: { protocol?: string; family?: 4 | 6 } = {};
  for (const part of parts) {
    const payload = isObject(part) ? part['payload'] : undefined;
    const protocol = isObject(payload) ? textOf(payload['protocol']) : '';
    if (protocol === 'ip' || protocol === 'ip6') found = { ...found, family: protocol === 'ip' ? 4 : 6 };
    else if (protocol !== 'th' && PORT_PROTOCOLS.has(protocol)) found = { ...found, protocol };
  }
  return found;
}
