/**
 * Things as they were when: the latest state of each, and before it those that it had, as far as there is room. So a
 * connection that is told at its end is told by what was so at its beginning.
 */

interface State<T> {
  readonly since: number;
  /** Undefined: from then on it was no more. */
  readonly value: T | undefined;
  before: State<T> | undefined;
}

export interface Stretch<T> {
  readonly since: number;
  readonly value: T | undefined;
}

export interface HistoryLimits {
  /** States that are past, of all things together. */
  readonly past: number;
  /** Things that are no more. */
  readonly gone: number;
}

export class History<T> {
  readonly #latest = new Map<string, State<T>>();
  /** Whose `before` goes first, oldest first. */
  readonly #past: State<T>[] = [];
  readonly #gone = new Set<string>();
  /** Of times before it something is forgotten. */
  #knownSince = -Infinity;
  readonly #limits: HistoryLimits;
  readonly #forgotten: (key: string) => void;

  /** @param forgotten told of each thing that is no more and is known no longer */
  constructor(limits: HistoryLimits, forgotten: (key: string) => void) {
    this.#limits = limits;
    this.#forgotten = forgotten;
  }

  /** `since` -Infinity: it was so as long as anybody knows. */
  set(key: string, since: number, value: T | undefined): void {
    const before = this.#latest.get(key);
    const state: State<T> = { since, value, before };
    this.#latest.set(key, state);
    if (before !== undefined) this.#keepPast(state);
    if (value === undefined) this.#retire(key);
    else this.#gone.delete(key);
  }

  latest(key: string): T | undefined {
    return this.#latest.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#latest.has(key);
  }

  at(key: string, time: number): T | undefined {
    for (let state = this.#latest.get(key); state !== undefined; state = state.before) {
      if (state.since <= time) return state.value;
    }
    return undefined;
  }

  /** False where something that was so then is no longer known. */
  remembers(time: number): boolean {
    return time >= this.#knownSince;
  }

  /** Newest first. */
  *stretches(key: string): Generator<Stretch<T>> {
    for (let state = this.#latest.get(key); state !== undefined; state = state.before) yield state;
  }

  #keepPast(state: State<T>): void {
    this.#past.push(state);
    if (this.#past.length <= this.#limits.past) return;
    const oldest = this.#past.shift();
    if (oldest === undefined) return;
    oldest.before = undefined;
    this.#knownSince = Math.max(this.#knownSince, oldest.since);
  }

  #retire(key: string): void {
    this.#gone.add(key);
    const [oldest] = this.#gone;
    if (this.#gone.size <= this.#limits.gone || oldest === undefined) return;
    this.#gone.delete(oldest);
    this.#knownSince = Math.max(this.#knownSince, this.#latest.get(oldest)?.since ?? -Infinity);
    this.#latest.delete(oldest);
    this.#forgotten(oldest);
  }
}
