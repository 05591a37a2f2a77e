/**
 * A map of few values a key, mostly one: the array is made only when a second one comes, since there is a
 * key for each connection.
 */
export class MultiMap<K, V extends object> {
  private readonly held = new Map<K, V | V[]>();

  add(key: K, value: V): void {
    const held = this.held.get(key);
    if (held === undefined) this.held.set(key, value);
    else if (Array.isArray(held)) {
      if (!held.includes(value)) held.push(value);
    } else if (held !== value) this.held.set(key, [held, value]);
  }

  /** In the order of adding. */
  get(key: K): readonly V[] {
    const held = this.held.get(key);
    if (held === undefined) return [];
    return Array.isArray(held) ? held : [held];
  }

  remove(key: K, value: V): void {
    const held = this.held.get(key);
    if (held === value) this.held.delete(key);
    else if (Array.isArray(held)) {
      const rest = held.filter((other) => other !== value);
      const [first] = rest;
      if (first === undefined) this.held.delete(key);
      else this.held.set(key, rest.length === 1 ? first : rest);
    }
  }
}
