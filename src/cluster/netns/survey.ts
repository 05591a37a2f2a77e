import { hostname } from 'node:os';
import { type Description, describe, isNode } from './describe.ts';
import { type FoundNetns, findNamespaces, namespaceOf } from './find.ts';
import { ListenerReader } from './listeners.ts';
import { Namespace } from './namespace.ts';
import { nextToAsk, outOfDate, settlePeers } from './peers.ts';
import { readPodNames } from './podnames.ts';

export interface Change {
  readonly changed: readonly Description[];
  readonly gone: readonly number[];
  /** Those that are there now, with what their rules are in. */
  readonly present: readonly Namespace[];
}

/** Listeners are looked at in every so many looks. */
const LISTENERS_EVERY = 3;
const ROUTINE_VISIT_EVERY = 3;

/** All namespaces of this machine as they change: each look reads what is new and tells what is different. */
export class Survey {
  readonly #namespaces = new Map<number, Namespace>();
  readonly #told = new Map<number, string>();
  readonly #listeners = new ListenerReader();
  readonly #podNames = new Map<string, string>();
  #looks = 0;

  async look(): Promise<Change> {
    const found = await findNamespaces();
    const gone = this.#takeOver(found);
    const all = [...this.#namespaces.values()];
    const visited = this.#due(all);
    await Promise.all(all.map((namespace) => namespace.refresh(namespace === visited)));
    visited?.visitedAt(this.#looks);
    await this.#settle(found);
    const stale = outOfDate(all).flatMap((inum) => this.#namespaces.get(inum) ?? []);
    if (stale.length > 0) {
      await Promise.all(stale.map((namespace) => namespace.readLinks()));
      await this.#settle(found);
    }
    if (this.#looks % LISTENERS_EVERY === 0) await this.#readListeners();
    this.#looks++;
    return { changed: this.#differences(), gone, present: [...this.#namespaces.values()] };
  }

  /** Namespaces that went, or whose number now belongs to another. */
  #takeOver(found: ReadonlyMap<number, FoundNetns>): number[] {
    const gone: number[] = [];
    for (const [inum, namespace] of this.#namespaces) {
      const now = found.get(inum);
      if (now && namespace.continuesAs(now)) namespace.found = now;
      else {
        this.#namespaces.delete(inum);
        if (this.#told.delete(inum)) gone.push(inum);
      }
    }
    const own = new Set([namespaceOf('self'), namespaceOf(1)]);
    for (const now of found.values()) {
      if (!this.#namespaces.has(now.inum))
        this.#namespaces.set(now.inum, new Namespace(now, own.has(now.inum), this.#looks));
    }
    return gone;
  }

  /**
   * One to be entered though nothing points to a change, since rules show only inside: soon and often while it
   * is new, by turns later. Each costs two processes, and a large one of ours takes long to fork.
   */
  #due(all: readonly Namespace[]): Namespace | undefined {
    const first = all.reduce<Namespace | undefined>(
      (soonest, one) => (soonest && soonest.dueAt <= one.dueAt ? soonest : one),
      undefined,
    );
    if (!first || first.dueAt > this.#looks) return undefined;
    return first.isNew || this.#looks % ROUTINE_VISIT_EVERY === 0 ? first : undefined;
  }

  /** Asks namespaces for their numbers until every pair of links is settled or cannot be. */
  async #settle(found: ReadonlyMap<number, FoundNetns>): Promise<void> {
    const all = [...this.#namespaces.values()];
    for (let asked = nextToAsk(all); asked.length > 0; asked = nextToAsk(all)) {
      await Promise.all(asked.map((namespace) => namespace.readNsids(found)));
    }
  }

  async #readListeners(): Promise<void> {
    if (this.#looks % (LISTENERS_EVERY * 10) === 0) this.#listeners.forget();
    for (const namespace of this.#namespaces.values()) {
      namespace.listeners = await this.#listeners.read(namespace.found);
    }
  }

  #differences(): Description[] {
    const all = [...this.#namespaces.values()];
    const links = settlePeers(all);
    const facts = all.map((namespace) => namespace.facts(links.get(namespace.inum) ?? []));
    this.#learnPodNames(facts.flatMap(({ podUids }) => podUids));
    return describe(facts, hostname(), this.#podNames).filter((description) => {
      const text = JSON.stringify(description);
      if (this.#told.get(description.netns) === text) return false;
      this.#told.set(description.netns, text);
      return true;
    });
  }

  #learnPodNames(uids: readonly string[]): void {
    if (uids.every((uid) => this.#podNames.has(uid))) return;
    for (const namespace of this.#namespaces.values()) {
      const pid = namespace.own || isNode(namespace) ? namespace.found.pids[0] : undefined;
      if (pid === undefined) continue;
      for (const [uid, pod] of readPodNames(pid)) this.#podNames.set(uid, pod);
    }
  }
}
