/** Where heads are captured: each place costs a process, so those come first where most is to be learnt. */
import type { NetnsEvent, RulesEvent } from '../../events/event.ts';

/** A process of some 20 MB of its own each, and its ring. */
export const MOST_PLACES = 24;

/** Those worth a capture, the worthiest first; equally worthy ones in the order in which they are known. */
export function rankPlaces(
  known: Iterable<NetnsEvent>,
  redirecting: ReadonlySet<number>,
): readonly NetnsEvent[] {
  return [...known]
    .map((netns) => ({ netns, worth: worthOf(netns, redirecting.has(netns.netns)) }))
    .filter(({ worth }) => worth > 0)
    .sort((a, b) => b.worth - a.worth)
    .map(({ netns }) => netns);
}

function worthOf({ role, links, listeners }: NetnsEvent, redirects: boolean): number {
  // The traffic of all pods passes there.
  if (role === 'node' || role === 'host') return 4;
  const ports = new Set(listeners.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port));
  // A proxy: what it was asked, and what it asked, are in there.
  if (redirects || ports.size > 1) return 3;
  if (listeners.length > 0) return 2;
  return links.some(({ name, addresses }) => name !== 'lo' && addresses.length > 0) ? 1 : 0;
}

/** The rules send some of what passes to a port of the namespace's own. */
export const redirects = ({ text }: RulesEvent): boolean => /-j REDIRECT\b|"redirect":/.test(text);
