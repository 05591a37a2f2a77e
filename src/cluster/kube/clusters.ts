import { canonicalAddress } from '../../events/address.ts';
import type { NetnsEvent, NetnsId } from '../../events/event.ts';
import type { KubeNameEvent, KubePod } from '../../events/kube.ts';
import type { Neighbourhood } from '../neighbourhood.ts';
import { ClusterObjects } from './objects.ts';

/** A cluster as a namespace sees it. */
export interface View {
  readonly objects: ClusterObjects;
  /** A way of links leads from it to a node; from elsewhere a Pod's address may be another's too. */
  readonly inside: boolean;
}

/** The clusters whose APIs were read, and which namespaces are of which. More than one where recordings are merged. */
export class Clusters {
  readonly #objects = new Map<string, ClusterObjects>();
  /** What is said of an API that was never reached. */
  #unreached = '';
  #members: ReadonlyMap<NetnsId, ClusterObjects> = new Map();
  #neighbourhood: Neighbourhood | undefined;
  readonly #views = new Map<NetnsId, View | undefined>();

  /** @returns whether it may change which namespaces are of a cluster */
  take(event: KubeNameEvent): boolean {
    if (event.kind === 'kube-state' && event.cluster === undefined) {
      this.#unreached = event.text;
      return false;
    }
    if (event.kind === 'kube-state') this.#unreached = '';
    const objects = this.#of(event.cluster ?? '');
    if (event.kind === 'kube') return objects.take(event) && event.object.resource === 'node';
    if (event.kind === 'kube-gone') objects.gone(event.uid, event.at);
    else objects.state(event);
    return event.kind === 'kube-gone' && event.resource === 'node';
  }

  /** Why no API is read, where somebody said so. */
  get unreached(): string {
    return this.#unreached;
  }

  /**
   * Nodes among these namespaces are those that have an address of a Node: names are the same in many clusters.
   * @returns what the API calls them, by the names that the machine gives them
   */
  place(nodes: readonly NetnsEvent[], neighbourhood: Neighbourhood): ReadonlyMap<string, string> {
    const members = new Map<NetnsId, ClusterObjects>();
    const names = new Map<string, string>();
    for (const node of nodes) {
      for (const objects of this.#objects.values()) {
        const [known] = addressesOf(node).flatMap((address) => objects.nodeAt(address, Infinity) ?? []);
        if (known === undefined) continue;
        members.set(node.netns, objects);
        names.set(node.node ?? node.name, known.name);
      }
    }
    this.#members = members;
    this.#neighbourhood = neighbourhood;
    this.#views.clear();
    return names;
  }

  seenFrom(netns: NetnsId): View | undefined {
    if (this.#members.size === 0 || this.#neighbourhood === undefined) return undefined;
    if (this.#views.has(netns)) return this.#views.get(netns);
    const [nearest] = this.#neighbourhood.nearest(netns, [...this.#members.keys()]);
    const objects = nearest === undefined ? undefined : this.#members.get(nearest);
    const inside = nearest !== undefined && this.#neighbourhood.distances(netns).has(nearest);
    const view = objects && { objects, inside };
    this.#views.set(netns, view);
    return view;
  }

  /** By the UID that its control groups have. */
  podOf(uid: string): { pod: KubePod; objects: ClusterObjects } | undefined {
    for (const objects of this.#objects.values()) {
      const pod = objects.podOf(uid);
      if (pod !== undefined) return { pod, objects };
    }
    return undefined;
  }

  remembers(time: number): boolean {
    for (const objects of this.#objects.values()) if (!objects.remembers(time)) return false;
    return true;
  }

  #of(cluster: string): ClusterObjects {
    const known = this.#objects.get(cluster);
    if (known !== undefined) return known;
    const objects = new ClusterObjects();
    this.#objects.set(cluster, objects);
    return objects;
  }
}

const addressesOf = ({ links }: NetnsEvent): string[] =>
  links.flatMap(({ addresses }) =>
    addresses.flatMap((prefix) => canonicalAddress(prefix.split('/', 1)[0] ?? '') ?? []),
  );
