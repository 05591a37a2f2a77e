/** The way of a request in the fewest words that two recordings have in common: where, and what was done there. */
import { hopsOfLeg, jointsOf, legsOf, proxyName } from '../trace/legs.ts';
import type { Hop, HopKind, Request } from '../trace/request.ts';
import { workloadOf } from './asked.ts';

const DONE: Partial<Record<HopKind, string>> = {
  dnat: 'DNAT',
  snat: 'SNAT',
  masquerade: 'MASQUERADE',
  redirect: 'REDIRECT',
  drop: 'dropped',
  reject: 'rejected',
};

/**
 * `client`, `node-a: DNAT in PREROUTING, MASQUERADE in POSTROUTING`, `node-b`, `web-*`. Devices within one place are
 * left out: which a packet passes depends on the age of the neighbour table.
 * @param changesOnly only where something was done: all that `--detail nat` sees
 */
export function wayOf(request: Request, changesOnly: boolean): string[] {
  const joints = jointsOf(request);
  return legsOf(request).flatMap((_, leg) => {
    const joint = joints.find(({ to }) => to === leg);
    const steps = placesOf(hopsOfLeg(request, leg).map(({ hop }) => hop))
      .filter(({ done }) => !changesOnly || done.length > 0)
      .map(({ place, done }) => (done.length === 0 ? place : `${place}: ${done.join(', ')}`));
    return joint === undefined ? steps : [`proxy ${proxyName(joint)}`, ...steps];
  });
}

interface Passed {
  readonly place: string;
  readonly done: string[];
}

function placesOf(hops: readonly Hop[]): Passed[] {
  const passed: Passed[] = [];
  for (const hop of hops) {
    const place = placeOf(hop);
    let last = passed.at(-1);
    if (last?.place !== place) passed.push((last = { place, done: [] }));
    const word = DONE[hop.kind];
    if (word !== undefined) last.done.push(hop.hook === undefined ? word : `${word} in ${hop.hook}`);
  }
  return passed;
}

/** A node by its name; a pod by that of its workload, since which of them was chosen is told apart. */
export function placeOf({ netns, node }: Hop): string {
  const name = netns?.name ?? node;
  if (name === undefined) return 'an unnamed namespace';
  return name === node ? name : workloadOf(name);
}
