/** The sets that `-m set` asks, as `ipset save` prints them. kube-proxy's IPVS mode says in them what it masquerades. */
import { parseRange } from './address.ts';
import { Elements, type Element, type KeyPart } from './elements.ts';
import type { Field, Match } from './model.ts';

export class IpSets {
  readonly #lines: ReadonlyMap<string, SetLines>;
  readonly #read = new Map<string, Elements<true> | undefined>();

  /** Each set is read when a rule first asks it: one of a big cluster has tens of thousands of elements. */
  constructor(text: string) {
    this.#lines = linesBySet(text);
  }

  static readonly none = new IpSets('');

  /**
   * What `--match-set NAME FLAGS` asks; undefined where the set is not known, or asks what is not known of a packet.
   * @param flags `dst,dst`: which side of the packet each part of an element is held against
   */
  match(name: string, flags: string, negated: boolean): Match | undefined {
    const set = this.#lines.get(name);
    if (set === undefined) return undefined;
    const key = keyOf(set.type, flags.split(','));
    if (key === undefined) return undefined;
    if (!this.#read.has(name)) this.#read.set(name, elementsOf(set));
    const elements = this.#read.get(name);
    return elements && { kind: 'elements', negated, key, elements, name };
  }

  /** Whether an element is in it, word for word: `10.3.241.152,tcp:80`. */
  has(name: string, element: string): boolean {
    return this.#lines.get(name)?.elements.has(element) ?? false;
  }
}

interface SetLines {
  /** `hash:ip,port`. */
  readonly type: string;
  readonly options: readonly string[];
  /** The element, with the words that follow it. */
  readonly elements: Map<string, readonly string[]>;
}

function linesBySet(text: string): Map<string, SetLines> {
  const sets = new Map<string, SetLines>();
  for (const line of text.split('\n')) {
    const [verb, name = '', third = '', ...options] = line.split(' ');
    if (verb === 'create') sets.set(name, { type: third, options, elements: new Map() });
    else if (verb === 'add') sets.get(name)?.elements.set(third, options);
  }
  return sets;
}

const partsOf = (type: string): string[] => type.slice(type.indexOf(':') + 1).split(',');

/** A bitmap of ports holds no protocol (ip_set_bitmap_port.c), every other port has one. */
const isPortAlone = (type: string): boolean => type === 'bitmap:port';

function keyOf(type: string, flags: readonly string[]): Field[] | undefined {
  const parts = partsOf(type);
  if (flags.length < parts.length) return undefined;
  const key: Field[] = [];
  for (const [index, part] of parts.entries()) {
    const side = flags[index] === 'src' ? 'src' : 'dst';
    if (part === 'ip' || part === 'net') key.push(side);
    else if (part === 'port') {
      if (!isPortAlone(type)) key.push('protocol');
      key.push(side === 'src' ? 'sport' : 'dport');
    } else if (part === 'iface') key.push(side === 'src' ? 'in' : 'out');
    else return undefined;
  }
  return key;
}

/** Undefined where an element says what is not understood: then nothing is known of the whole. */
function elementsOf({ type, options, elements }: SetLines): Elements<true> | undefined {
  const parts = partsOf(type);
  const read: Element<true>[] = [];
  for (const [text, words] of elements) {
    if (words.includes('nomatch')) return undefined;
    const values = text.split(',');
    const key = parts.map((part, index) => partKey(part, values[index] ?? '', isPortAlone(type)));
    if (key.includes(undefined)) return undefined;
    read.push({ key: key.flatMap((each) => each ?? []), value: true });
  }
  return new Elements(read, isFilledByPackets(options));
}

/** Elements that expire are put there by packets (`-j SET`); `timeout 0` only lets them. */
function isFilledByPackets(options: readonly string[]): boolean {
  const at = options.indexOf('timeout');
  return at >= 0 && options[at + 1] !== '0';
}

function partKey(part: string, value: string, portAlone: boolean): KeyPart[] | undefined {
  if (value === '') return undefined;
  if (part === 'ip' || part === 'net') return addressKey(value);
  if (part === 'iface') return value.includes(':') ? undefined : [value];
  const [, protocol = '', first = '', last] = /^(?:(\w+):)?(\d+)(?:-(\d+))?$/.exec(value) ?? [];
  if (first === '' || (protocol === '') !== portAlone) return undefined;
  const port: KeyPart = last === undefined ? first : { numbers: [Number(first), Number(last)] };
  return portAlone ? [port] : [protocol, port];
}

function addressKey(value: string): KeyPart[] | undefined {
  if (!/[/-]/.test(value)) return [value];
  const addresses = parseRange(value);
  return addresses && [{ addresses }];
}
