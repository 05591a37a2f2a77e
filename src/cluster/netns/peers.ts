import type { LinkFact } from '../../events/event.ts';
import type { LinkReading } from './links.ts';

/** What is known of a namespace when its peers are sought. */
export interface Linked {
  readonly inum: number;
  readonly links: readonly LinkReading[];
  /** How it numbers the others; absent where it was not asked. */
  readonly nsids?: ReadonlyMap<number, number>;
}

/**
 * Every link with its peer's namespace, where one end's nsid tells it. The other end need not be asked: a
 * pair settled from one side is settled from both.
 */
export function settlePeers(namespaces: readonly Linked[]): Map<number, LinkFact[]> {
  const told = tellPeers(namespaces);
  return new Map(
    namespaces.map(({ inum, links }) => [
      inum,
      links.map(({ nsid: _, ...link }) => {
        const peerNetns = told.get(endKey(inum, link.ifindex));
        return peerNetns === undefined ? link : { ...link, peerNetns };
      }),
    ]),
  );
}

/** The namespaces to ask for their numbers next: of those not asked, a few with the most unsettled links. */
export function nextToAsk<T extends Linked>(namespaces: readonly T[]): T[] {
  const told = tellPeers(namespaces);
  return namespaces
    .filter(({ nsids }) => !nsids)
    .map((namespace) => ({
      namespace,
      open: namespace.links.filter(
        (link) => link.nsid !== undefined && !told.has(endKey(namespace.inum, link.ifindex)),
      ).length,
    }))
    .filter(({ open }) => open > 0)
    .sort((a, b) => b.open - a.open)
    .slice(0, AT_ONCE)
    .map(({ namespace }) => namespace);
}

const AT_ONCE = 4;

/** Namespaces that should have the other end of a link and do not: what was read of them is out of date. */
export function outOfDate(namespaces: readonly Linked[]): number[] {
  return [...new Set(ends(namespaces).flatMap(({ netns, fits }) => (fits ? [] : [netns])))];
}

function tellPeers(namespaces: readonly Linked[]): Map<string, number> {
  const told = new Map<string, number>();
  for (const { inum, link, netns, peer, fits } of ends(namespaces)) {
    if (!fits) continue;
    told.set(endKey(inum, link.ifindex), netns);
    if (peer?.peerIfindex === link.ifindex && peer.nsid !== undefined)
      told.set(endKey(netns, peer.ifindex), inum);
  }
  return told;
}

interface End {
  readonly inum: number;
  readonly link: LinkReading;
  /** Where its other end is, by its namespace's numbers, and that end. */
  readonly netns: number;
  readonly peer: LinkReading | undefined;
  /** Read at different times, the two may not fit; a veth's do when each names the other. */
  readonly fits: boolean;
}

function ends(namespaces: readonly Linked[]): End[] {
  const links = new Map<string, LinkReading>();
  for (const { inum, links: own } of namespaces) {
    for (const link of own) links.set(endKey(inum, link.ifindex), link);
  }
  const read = new Set(namespaces.map(({ inum }) => inum));
  return namespaces.flatMap(({ inum, links: own, nsids }) =>
    own.flatMap((link) => {
      const netns = link.nsid === undefined ? undefined : nsids?.get(link.nsid);
      if (netns === undefined || link.peerIfindex === undefined) return [];
      const peer = links.get(endKey(netns, link.peerIfindex));
      const fits = link.type !== 'veth' || !read.has(netns) || peer?.peerIfindex === link.ifindex;
      return [{ inum, link, netns, peer, fits }];
    }),
  );
}

const endKey = (inum: number, ifindex: number): string => `${inum}/${ifindex}`;
