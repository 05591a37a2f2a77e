/** The list: which of the model's requests are shown, in which order, which one is chosen, what is in sight. */
import type { Filter } from '../trace/filter/filter.ts';
import type { Request } from '../trace/request.ts';
import type { Kept, ViewModel } from './model.ts';
import { sorted, type SortKey } from './sortings.ts';
import { troublesIn, type Troubles } from './troubles.ts';

export interface Snapshot {
  /** What is in sight, top to bottom. */
  readonly rows: readonly Request[];
  /** Index into `rows`; -1 where the list is empty. */
  readonly cursor: number;
  readonly chosen?: Request;
  /** Place of the chosen one among those shown, from 1. */
  readonly position: number;
  readonly shown: number;
  readonly total: number;
}

export class RequestList {
  readonly #model: ViewModel;
  #order: readonly Kept[] = [];
  #seen = { updates: -1, stale: true };
  #verdicts = new WeakMap<Request, boolean>();
  #frozen: { kept: readonly Kept[]; updates: number } | undefined;
  #filter: Filter | undefined;
  #failuresOnly = false;
  /** Key and words of the one kind of trouble that is shown alone. */
  #picked: { key: string; words: string } | undefined;
  #troubles: Troubles | undefined;
  #sort: SortKey = 'time';
  #reverse = false;
  #follow = true;
  #chosenId: string | undefined;
  #index = 0;
  #top = 0;
  #page = 1;

  constructor(model: ViewModel) {
    this.#model = model;
  }

  /** What is in sight in a window of `page` requests. */
  snapshot(page: number): Snapshot {
    this.#page = Math.max(1, page);
    this.#refresh();
    const rows = this.#order.slice(this.#top, this.#top + this.#page);
    const chosen = this.#order[this.#index]?.request;
    return {
      rows: rows.map((kept) => kept.request),
      cursor: this.#order.length === 0 ? -1 : this.#index - this.#top,
      ...(chosen === undefined ? {} : { chosen }),
      position: this.#order.length === 0 ? 0 : this.#index + 1,
      shown: this.#order.length,
      total: this.#frozen?.kept.length ?? this.#model.size,
    };
  }

  move(by: number): void {
    this.#refresh();
    this.#follow = false;
    this.#choose(this.#index + by);
  }

  movePages(by: number): void {
    this.#refresh();
    this.#follow = false;
    this.#top += by * this.#page;
    this.#choose(this.#index + by * this.#page);
  }

  toStart(): void {
    this.#refresh();
    this.#follow = this.#newestIsAt() === 'start';
    this.#choose(0);
  }

  toEnd(): void {
    this.#refresh();
    this.#follow = this.#newestIsAt() === 'end';
    this.#choose(this.#order.length - 1);
  }

  get follow(): boolean {
    return this.#follow;
  }

  /** The cursor goes with the newest request. */
  setFollow(on: boolean): void {
    this.#follow = on;
    this.#seen.stale = true;
  }

  get paused(): boolean {
    return this.#frozen !== undefined;
  }

  /** Updates that came since the pause. */
  get waiting(): number {
    return this.#frozen === undefined ? 0 : this.#model.updates - this.#frozen.updates;
  }

  togglePause(): void {
    this.#seen.stale = true;
    if (this.#frozen !== undefined) {
      this.#frozen = undefined;
      return;
    }
    const kept = Array.from(this.#model.values(), ({ request, order }) => ({ request, order }));
    this.#frozen = { kept, updates: this.#model.updates };
  }

  get failuresOnly(): boolean {
    return this.#failuresOnly;
  }

  toggleFailuresOnly(): void {
    this.#failuresOnly = !this.#failuresOnly;
    this.#seen.stale = true;
  }

  /** The trouble that alone is shown, in words. */
  get picked(): string | undefined {
    return this.#picked?.words;
  }

  pick(trouble: { key: string; words: string } | undefined): void {
    this.#picked = trouble;
    this.#seen.stale = true;
  }

  /** What fails of what the filter lets through. */
  get troubles(): Troubles {
    if (this.#isOld) this.#refresh();
    return (this.#troubles ??= troublesIn(Array.from(this.#passing(), ({ request }) => request)));
  }

  get filtered(): boolean {
    return this.#filter !== undefined;
  }

  setFilter(filter: Filter | undefined): void {
    this.#filter = filter;
    this.#verdicts = new WeakMap();
    this.#seen.stale = true;
  }

  get sort(): { key: SortKey; reverse: boolean } {
    return { key: this.#sort, reverse: this.#reverse };
  }

  setSort(key: SortKey, reverse: boolean): void {
    this.#sort = key;
    this.#reverse = reverse;
    this.#seen.stale = true;
  }

  get #isOld(): boolean {
    return this.#seen.stale || (this.#frozen === undefined && this.#seen.updates !== this.#model.updates);
  }

  #refresh(): void {
    if (this.#isOld) {
      this.#seen = { updates: this.#model.updates, stale: false };
      this.#troubles = undefined;
      this.#reorder();
      this.#findChosen();
    }
    const last = Math.max(0, this.#order.length - this.#page);
    this.#top = clamp(this.#top, this.#index - this.#page + 1, this.#index);
    this.#top = clamp(this.#top, 0, last);
  }

  #reorder(): void {
    const passing = [...this.#passing()];
    this.#order = sorted(this.#wanted(passing), this.#sort, this.#reverse);
  }

  #wanted(passing: readonly Kept[]): readonly Kept[] {
    if (this.#picked === undefined && !this.#failuresOnly) return passing;
    const { groups, keyOf } = (this.#troubles = troublesIn(passing.map(({ request }) => request)));
    const key = this.#picked?.key;
    if (key !== undefined) return passing.filter(({ request }) => keyOf.get(request) === key);
    // The closed ports that a scan finds would hide what somebody misses; they stand by themselves in the summary.
    const scans = new Set(groups.filter(({ sort }) => sort === 'scan').map((one) => one.key));
    return passing.filter(({ request }) => {
      const one = keyOf.get(request);
      return one !== undefined && !scans.has(one);
    });
  }

  *#passing(): Generator<Kept> {
    for (const kept of this.#frozen?.kept ?? this.#model.values()) {
      if (this.#filter === undefined || this.#passes(this.#filter, kept.request)) yield kept;
    }
  }

  /** A request is asked once: a change brings a new object. */
  #passes(filter: Filter, request: Request): boolean {
    const known = this.#verdicts.get(request);
    if (known !== undefined) return known;
    const passes = filter.matches(request);
    this.#verdicts.set(request, passes);
    return passes;
  }

  /** The chosen request keeps its line on the screen while others come and go around it. */
  #findChosen(): void {
    const line = this.#index - this.#top;
    const index = this.#follow
      ? this.#newest()
      : this.#order.findIndex((kept) => kept.request.id === this.#chosenId);
    this.#choose(index >= 0 ? index : this.#index);
    this.#top = this.#index - line;
  }

  #newest(): number {
    let newest = -1;
    let latest = -1;
    this.#order.forEach((kept, index) => {
      if (kept.order > latest) [latest, newest] = [kept.order, index];
    });
    return newest;
  }

  #newestIsAt(): 'start' | 'end' | undefined {
    if (this.#sort !== 'time') return undefined;
    return this.#reverse ? 'start' : 'end';
  }

  #choose(index: number): void {
    this.#index = clamp(index, 0, Math.max(0, this.#order.length - 1));
    this.#chosenId = this.#order[this.#index]?.request.id;
  }
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
