/**
 * Where heads are captured. Each place costs a process, so as few as see everything: a packet between two namespaces
 * passes the link between them and is seen at either end, so that one end of each link is enough. A node sees all
 * that its pods send and get; what a pod's own rules turn back into it is seen there alone.
 */
import type { LinkFact, NetnsEvent, RulesEvent } from '../../events/event.ts';

/** A process of some 20 MB of its own each, and its ring. */
export const MOST_PLACES = 24;

/**
 * @param known the namespaces traced
 * @param redirecting those with rules that send some of what passes to a port of their own
 * @returns where to capture, the most worth first
 */
export function choosePlaces(
  known: Iterable<NetnsEvent>,
  redirecting: ReadonlySet<number>,
): readonly NetnsEvent[] {
  const traced = new Map([...known].map((netns) => [netns.netns, netns]));
  const places = [...traced.values()];
  const chosen = new Set([
    ...places.filter(isThoroughfare),
    ...places.filter((p) => redirecting.has(p.netns)),
  ]);
  /** What passes there and is seen nowhere else yet: links to others that are not chosen, or to who knows where. */
  const unseen = ({ links, netns }: NetnsEvent): number =>
    links.filter((link) => {
      const peer = link.peerNetns === undefined ? undefined : traced.get(link.peerNetns);
      if (peer === undefined) return leadsOut(link);
      return peer.netns !== netns && !chosen.has(peer);
    }).length;
  for (;;) {
    const [next] = places
      .filter((place) => !chosen.has(place))
      .map((place) => ({ place, links: unseen(place) }))
      .filter(({ links }) => links > 0)
      .sort((a, b) => b.links - a.links);
    if (next === undefined) return [...chosen];
    chosen.add(next.place);
  }
}

const isThoroughfare = ({ role }: NetnsEvent): boolean => role === 'node' || role === 'host';

/** A device with an address, whose other end is not among what is traced. */
const leadsOut = ({ name, addresses }: LinkFact): boolean => name !== 'lo' && addresses.length > 0;

/** The rules send some of what passes to a port of the namespace's own. */
export const redirects = ({ text }: RulesEvent): boolean => /-j REDIRECT\b|"redirect":/.test(text);
