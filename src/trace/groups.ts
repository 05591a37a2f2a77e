/** A map of many values a key, each put in and taken out at a cost that does not grow with their number. */
export class Groups<K, V> {
  private readonly held = new Map<K, Set<V>>();

  add(key: K, value: V): void {
    const group = this.held.get(key);
    if (group === undefined) this.held.set(key, new Set([value]));
    else group.add(value);
  }

  has(key: K): boolean {
    return this.held.has(key);
  }

  /** In the order of adding. */
  get(key: K): Iterable<V> {
    return this.held.get(key) ?? [];
  }

  remove(key: K, value: V): void {
    const group = this.held.get(key);
    group?.delete(value);
    if (group?.size === 0) this.held.delete(key);
  }
}
