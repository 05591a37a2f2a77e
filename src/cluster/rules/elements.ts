import { contains, parseAddress, type AddressRange } from './address.ts';

/** One part of an element's key: a value (a trailing `*` stands for any rest), or a range. */
export type KeyPart =
  string | { readonly addresses: AddressRange } | { readonly numbers: readonly [number, number] };

export interface Element<Value> {
  readonly key: readonly KeyPart[];
  readonly value: Value;
  readonly comment?: string;
}

/** The elements of a set or map: most are exact keys and found at once, the rest are ranges. */
export class Elements<Value> {
  readonly all: readonly Element<Value>[];
  /** Filled by packets (`dynamic`, `timeout`): what it held when it was listed says nothing of later. */
  readonly volatile: boolean;
  readonly #exact = new Map<string, Element<Value>>();
  readonly #ranges: Element<Value>[] = [];

  constructor(all: readonly Element<Value>[], volatile = false) {
    this.all = all;
    this.volatile = volatile;
    for (const element of all) {
      const exact = element.key.filter(isExact);
      if (exact.length === element.key.length) this.#exact.set(exact.join(' '), element);
      else this.#ranges.push(element);
    }
  }

  find(key: readonly string[]): Element<Value> | undefined {
    return (
      this.#exact.get(key.length === 1 ? (key[0] ?? '') : key.join(' ')) ??
      this.#ranges.find((element) => covers(element.key, key))
    );
  }
}

const isExact = (part: KeyPart): part is string => typeof part === 'string' && !part.endsWith('*');

function covers(parts: readonly KeyPart[], key: readonly string[]): boolean {
  return parts.length === key.length && parts.every((part, index) => partCovers(part, key[index] ?? ''));
}

function partCovers(part: KeyPart, value: string): boolean {
  if (typeof part === 'string') {
    return part.endsWith('*') ? value.startsWith(part.slice(0, -1)) : part === value;
  }
  if ('numbers' in part) return Number(value) >= part.numbers[0] && Number(value) <= part.numbers[1];
  const address = parseAddress(value);
  return address !== undefined && contains(part.addresses, address);
}
