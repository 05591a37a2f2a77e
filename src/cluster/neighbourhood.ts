import type { LinkFact, NetnsEvent, NetnsId } from '../events/event.ts';

type Linked = Pick<NetnsEvent, 'netns' | 'links'>;

/** How far namespaces are from each other, counted in links; so equal addresses in two networks stay two. */
export class Neighbourhood {
  readonly #namespaces: ReadonlyMap<NetnsId, Linked>;
  readonly #adjacent = new Map<NetnsId, Set<NetnsId>>();
  readonly #distances = new Map<NetnsId, ReadonlyMap<NetnsId, number>>();

  constructor(namespaces: readonly Linked[]) {
    this.#namespaces = new Map(namespaces.map((namespace) => [namespace.netns, namespace]));
    for (const { netns, links } of namespaces) {
      for (const { peerNetns } of links) {
        if (peerNetns === undefined || peerNetns === netns) continue;
        this.#join(netns, peerNetns);
        this.#join(peerNetns, netns);
      }
    }
  }

  /**
   * Of several, those that a packet from `from` would come to first: the nearest by links, else those it may
   * reach by a way that is not known.
   */
  nearest(from: NetnsId, candidates: readonly NetnsId[]): NetnsId[] {
    if (candidates.length === 0) return [];
    const distances = this.distances(from);
    const reached = candidates.filter((candidate) => distances.has(candidate));
    if (reached.length === 0) {
      if (!this.#leadsOut(from)) return [];
      return candidates.filter((candidate) => this.#leadsOut(candidate));
    }
    const least = Math.min(...reached.map((candidate) => distances.get(candidate) ?? Infinity));
    return reached.filter((candidate) => distances.get(candidate) === least);
  }

  /** From one namespace to all that links lead to, itself included. */
  distances(from: NetnsId): ReadonlyMap<NetnsId, number> {
    const known = this.#distances.get(from);
    if (known) return known;
    const distances = new Map([[from, 0]]);
    // A Map is walked in order of insertion, and what is added on the way is walked too: breadth first.
    for (const [netns, distance] of distances) {
      for (const next of this.#adjacent.get(netns) ?? []) {
        if (!distances.has(next)) distances.set(next, distance + 1);
      }
    }
    this.#distances.set(from, distances);
    return distances;
  }

  /** Whether some link of its network ends where we cannot see; true of a namespace of which nothing is known. */
  #leadsOut(netns: NetnsId): boolean {
    return [...this.distances(netns).keys()].some((reached) => {
      const namespace = this.#namespaces.get(reached);
      return !namespace || namespace.links.some(endsElsewhere);
    });
  }

  #join(from: NetnsId, to: NetnsId): void {
    const adjacent = this.#adjacent.get(from);
    if (adjacent) adjacent.add(to);
    else this.#adjacent.set(from, new Set([to]));
  }
}

/** Devices that lead nowhere, or only to others of the same namespace. */
const INTERNAL: ReadonlySet<string> = new Set(['bridge', 'dummy', 'ifb', 'vrf', 'bond', 'team', 'nlmon']);

function endsElsewhere({ ifindex, type, peerElsewhere, peerNetns }: LinkFact): boolean {
  // Index 1 is the loopback device in every namespace (loopback_net_init).
  if (ifindex === 1 || INTERNAL.has(type)) return false;
  return type === 'veth' ? peerElsewhere === true && peerNetns === undefined : true;
}
