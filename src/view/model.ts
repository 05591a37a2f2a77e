/**
 * The requests on show, outside React: the engine's batches come in at any rate, the screen takes a snapshot
 * ten times a second. Bounded: what is finished goes first, the longest finished before all.
 */
import type { Request } from '../trace/request.ts';
import { isOpen, isTrouble } from './words.ts';

export interface Kept {
  /** Never changed in place; a later one replaces it. */
  request: Request;
  /** Order of arrival of the id. */
  readonly order: number;
}

export class ViewModel {
  readonly #limit: number;
  readonly #all = new Map<string, Kept>();
  readonly #finished = new Set<string>();
  readonly #troubled = new Map<string, Request>();
  #order = 0;
  #updates = 0;
  #letGo = 0;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  /** Takes a new request, or the newer state of a known one. */
  upsert(request: Request): void {
    this.#updates++;
    const known = this.#all.get(request.id);
    if (known === undefined) this.#all.set(request.id, { request, order: this.#order++ });
    else known.request = request;
    if (isOpen(request)) this.#finished.delete(request.id);
    else this.#finished.add(request.id);
    if (isTrouble(request)) this.#troubled.set(request.id, request);
    else this.#troubled.delete(request.id);
    if (this.#all.size > this.#limit) this.#evict();
  }

  /** It is no longer one of those that are wanted. */
  remove(id: string): void {
    this.#finished.delete(id);
    this.#troubled.delete(id);
    if (this.#all.delete(id)) this.#updates++;
  }

  values(): IterableIterator<Kept> {
    return this.#all.values();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Those that failed, or were answered with a complaint. */
  get troubled(): IterableIterator<Request> {
    return this.#troubled.values();
  }

  /** How many updates came so far: tells whether anything changed, and by how much. */
  get updates(): number {
    return this.#updates;
  }

  /** How many requests were dropped to stay within the limit. */
  get letGo(): number {
    return this.#letGo;
  }

  #evict(): void {
    const [id] = this.#finished.size > 0 ? this.#finished : this.#all.keys();
    if (id === undefined) return;
    this.#finished.delete(id);
    this.#troubled.delete(id);
    this.#all.delete(id);
    this.#letGo++;
  }
}
