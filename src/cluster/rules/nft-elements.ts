import { parseRange, rangeBetween } from './address.ts';
import { Elements, type Element, type KeyPart } from './elements.ts';
import { isObject, listOf, textOf, type Json } from './json.ts';
import type { PortRange, Target, Verdict } from './model.ts';

/** Elements of a named set or of one that stands in a rule (`{"set": […]}`). */
export function matchElements(set: Json): Elements<true> {
  return elements(set, (entry) => element(entry, true));
}

export function verdictElements(map: Json): Elements<Verdict> {
  return elements(map, (entry) => pair(entry, verdictOf));
}

export function targetElements(map: Json): Elements<Target> {
  return elements(map, (entry) => pair(entry, targetOf));
}

/** `{"accept": null}`, `{"goto": {"target": "…"}}`. */
export function verdictOf(json: unknown): Verdict | undefined {
  if (!isObject(json)) return undefined;
  for (const kind of ['accept', 'drop', 'return'] as const) if (kind in json) return { kind };
  for (const kind of ['jump', 'goto'] as const) {
    const to = json[kind];
    if (isObject(to)) return { kind, chain: textOf(to['target']) };
  }
  return undefined;
}

/** `"10.0.0.1"`, `{"concat": ["10.0.0.1", 80]}`, a range of addresses. */
export function targetOf(json: unknown): Target | undefined {
  const [address, port] = isObject(json) ? listOf(json['concat']) : [];
  if (address === undefined) return addressTarget(json);
  const target = addressTarget(address);
  const ports = portsOf(port);
  return target && (ports ? { ...target, ports } : target);
}

function addressTarget(json: unknown): Target | undefined {
  if (typeof json === 'string') return { first: json };
  const [first, last] = isObject(json) ? listOf(json['range']) : [];
  return typeof first === 'string' && typeof last === 'string' ? { first, last } : undefined;
}

export function portsOf(json: unknown): PortRange | undefined {
  if (typeof json === 'number') return [json, json];
  const [first, last] = isObject(json) ? listOf(json['range']) : [];
  return typeof first === 'number' && typeof last === 'number' ? [first, last] : undefined;
}

/** One value of a key: a scalar as text, a prefix or a range. */
export function keyPart(json: unknown): KeyPart | undefined {
  // The one protocol that a tuple names otherwise.
  if (typeof json === 'string') return json === 'ipv6-icmp' ? 'icmp' : json;
  if (typeof json === 'number') return String(json);
  if (!isObject(json)) return undefined;
  const { prefix } = json;
  if (isObject(prefix)) {
    const addresses = parseRange(`${textOf(prefix['addr'])}/${String(prefix['len'])}`);
    return addresses && { addresses };
  }
  const [first, last] = listOf(json['range']);
  if (typeof first === 'number' && typeof last === 'number') return { numbers: [first, last] };
  const addresses = rangeBetween(textOf(first), textOf(last));
  return addresses && { addresses };
}

function elements<Value>(
  { elem, set, flags }: Json,
  read: (entry: unknown) => Element<Value> | undefined,
): Elements<Value> {
  const all: Element<Value>[] = [];
  for (const entry of listOf(elem ?? set)) {
    const known = read(entry);
    if (known) all.push(known);
  }
  const written = listOf(flags);
  return new Elements(all, written.includes('dynamic') || written.includes('timeout'));
}

function pair<Value>(
  entry: unknown,
  read: (value: unknown) => Value | undefined,
): Element<Value> | undefined {
  const [key, json] = listOf(entry);
  const value = read(json);
  return value === undefined ? undefined : element(key, value);
}

/** `{"elem": {"val": …, "comment": "…"}}` where an element has more than its value. */
function element<Value>(entry: unknown, value: Value): Element<Value> | undefined {
  const wrapped = isObject(entry) && isObject(entry['elem']) ? entry['elem'] : undefined;
  const val = wrapped ? wrapped['val'] : entry;
  const parts = isObject(val) && Array.isArray(val['concat']) ? listOf(val['concat']) : [val];
  const key: KeyPart[] = [];
  for (const part of parts) {
    const known = keyPart(part);
    if (known === undefined) return undefined;
    key.push(known);
  }
  const comment = wrapped && textOf(wrapped['comment']);
  return comment ? { key, value, comment } : { key, value };
}
