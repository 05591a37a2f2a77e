/**
 * A Service with policy Local that dropped a connection, since the node where it came in has no endpoint of it: what
 * would serve it, with the client's address and without.
 */
import type { Tuple } from '../../events/tuple.ts';
import type { ClusterBook } from '../knowledge.ts';
import type { Hop, Remedy } from '../request.ts';
import { addressOf, listed, nodeWords, placedEndpoints } from './endpoints.ts';
import { nameOf, placeOf } from './loss.ts';
import { wouldReach } from './what-if.ts';

export interface Dropped {
  readonly hop: Hop;
  /** As it came into the node. */
  readonly original: Tuple;
  /** `namespace/name:port`. */
  readonly servicePort: string | undefined;
  readonly cluster: ClusterBook | undefined;
  readonly isLocal: (ip: string) => boolean;
}

export function noLocalEndpoint(dropped: Dropped): Remedy[] {
  const { original, servicePort, cluster, isLocal } = dropped;
  const service = nameOf(servicePort);
  const facts = service === undefined ? undefined : cluster?.service(service);
  if (service === undefined || facts === undefined) return [];
  const placed = placedEndpoints(facts, servicePort, original);
  const nodes = [...placed.byNode].filter(([node]) => node !== placeOf(dropped));
  const all = placed.all.map(addressOf);
  const isInternal = facts.clusterIPs.includes(original.dst);
  const field = `spec.${isInternal ? 'internal' : 'external'}TrafficPolicy`;
  const announced = !isLocal(original.dst);
  const there = listed(nodes.map(nodeWords), 'or');
  const enter: Remedy = {
    kind: 'another-node',
    text: announced
      ? `Let ${original.dst} come in at ${there}: announced at layer 2, it must be so from there`
      : `Dial the port ${String(original.dport)} of ${there}`,
    breaks: announced ? `What still comes to ${original.dst} at ${placeOf(dropped)} stays dropped.` : '',
    whatIf: wouldReach(
      nodes.flatMap(([, endpoints]) => endpoints.map(addressOf)),
      'preserved',
      `a node sends it on to an endpoint of its own, with the source ${original.src}`,
    ),
  };
  const anywhere: Remedy = {
    kind: isInternal ? 'internal-traffic-policy' : 'external-traffic-policy',
    text: `Set ${field}: Cluster on Service ${service}`,
    breaks: isInternal
      ? 'Its clients are then served by pods of other nodes too.'
      : `It is then served, but no server sees who asked: ${placeOf(dropped)} hides the client behind its own address, for all who use the Service from outside.`,
    whatIf: wouldReach(
      all,
      isInternal ? 'preserved' : 'lost',
      `${placeOf(dropped)} would send it on to any endpoint: ${listed(all, 'or')}`,
    ),
  };
  if (all.length === 0) return [];
  return isInternal || nodes.length === 0 ? [anywhere] : [enter, anywhere];
}
