/**
 * `externalTrafficPolicy: Local` for the Service of a connection that policy Cluster hid: what it would meet then,
 * and what would change for others. The rules that kube-proxy writes for Local are known (writeServiceToEndpointRules
 * and its callers): what a Pod sends goes to any endpoint and keeps its source, what the node itself sends is still
 * masqueraded, and all else goes to the node's own endpoints, or is dropped where it has none.
 */
import type { EndpointFacts, Passing } from '../knowledge.ts';
import type { Remedy, WhatIf } from '../request.ts';
import { addressOf, listed, nodeWords } from './endpoints.ts';
import type { Placed } from './endpoints.ts';
import { endpointsFor, placeOf, serviceFacts, serviceOf } from './loss.ts';
import type { Loss } from './loss.ts';
import { cannotTell, wouldDrop, wouldReach } from './what-if.ts';

export function localPolicy(loss: Loss): Remedy[] {
  const service = serviceOf(loss);
  if (service === undefined) return [];
  const placed = endpointsFor(loss);
  return [
    {
      kind: 'external-traffic-policy',
      text: `Set spec.externalTrafficPolicy: Local on Service ${service}`,
      breaks: [placementWords(placed), entryWords(loss, placed), spreadWords(placed)]
        .filter((words) => words !== '')
        .join(' '),
      whatIf: underLocalPolicy(loss, placed),
    },
  ];
}

/** For a pod of the cluster: the Service's own address, which no traffic policy for outside is about. */
export function clusterAddress(loss: Loss): Remedy[] {
  const { rewrite, rules, isLocal } = loss;
  const { src } = rewrite.original;
  if (isLocal(src) || rules?.isFromPod(passing(loss, rewrite.original)) !== true) return [];
  const facts = serviceFacts(loss);
  const address = facts?.clusterIPs.find((ip) => ip.includes(':') === src.includes(':'));
  const by = address === undefined ? 'its name in the cluster or its ClusterIP' : `its ClusterIP, ${address}`;
  return [
    {
      kind: 'dial-directly',
      text: `Dial Service ${serviceOf(loss) ?? ''} by ${by}: ${src} is a pod of the cluster`,
      breaks: '',
      whatIf: fromAPod(loss, endpointsFor(loss)),
    },
  ];
}

/** @param placed undefined where nothing is known of the Service's endpoints */
export function underLocalPolicy(loss: Loss, placed: Placed | undefined): WhatIf {
  const { rewrite, rules, isLocal, client } = loss;
  const node = placeOf(loss);
  const { src } = rewrite.original;
  if (isLocal(src)) {
    const all = placed?.all.map(addressOf) ?? [];
    return wouldReach(
      all,
      'lost',
      `${node} itself sends it, and what a node sends is masqueraded under Local too`,
    );
  }
  const asked = rules?.isFromPod(passing(loss, rewrite.original));
  const fromPod = asked ?? (client.kind === 'pod' ? undefined : false);
  if (fromPod === undefined) {
    return cannotTell(`whether kube-proxy takes ${src} for a pod of the cluster is not known`);
  }
  if (fromPod) return fromAPod(loss, placed);
  const here = placed?.byNode.get(node) ?? [];
  if (here.length > 0) return sentOn(loss, here, `${node} would send it on to an endpoint of its own`);
  if (placed === undefined) return cannotTell(`where the endpoints of the Service are is not known`);
  if (placed.unplaced.length > 0) {
    return cannotTell(`whether ${node} has one of its endpoints is not known: ${placesNotKnown(placed)}`);
  }
  return wouldDrop(`${node} has no ready endpoint of it and would drop the connection`);
}

/** A pod's connection is treated as one to the ClusterIP. */
function fromAPod(loss: Loss, placed: Placed | undefined): WhatIf {
  const { src } = loss.rewrite.original;
  const all = placed?.all ?? [];
  const others = all.filter(({ ip }) => ip !== src);
  if (all.length > 0 && others.length === 0) {
    return wouldReach(all.map(addressOf), 'lost', 'its only endpoint is the pod that dials: hairpin');
  }
  const itself = others.length === all.length ? '' : ', itself left aside';
  return sentOn(loss, others, `what a pod sends goes to any endpoint${itself}`);
}

/** Sent on without a mark: unless another rule hides it, its source stays. */
function sentOn(loss: Loss, endpoints: readonly EndpointFacts[], words: string): WhatIf {
  const { original } = loss.rewrite;
  const hiding = endpoints
    .map(({ ip, port }) => loss.rules?.sourceRule(passing(loss, { ...original, dst: ip, dport: port })).rule)
    .find((rule) => rule !== undefined);
  const servers = endpoints.map(addressOf);
  const to = servers.length === 0 ? '' : `: ${listed(servers, 'or')}`;
  return hiding === undefined
    ? wouldReach(servers, 'preserved', `${words}${to}, with the source ${original.src}`)
    : wouldReach(
        servers,
        'lost',
        `${words}${to}, but ${hiding.table} ${hiding.chain} would still hide ${original.src}`,
      );
}

const passing = ({ rewrite: { inDevice } }: Loss, tuple: Passing['tuple']): Passing => ({
  tuple,
  ...(inDevice !== undefined && { inDevice }),
});

/** Which nodes would still serve what comes from outside. */
function placementWords(placed: Placed | undefined): string {
  if (placed === undefined) return 'Which nodes have an endpoint of it is not known here.';
  const nodes = [...placed.byNode];
  if (nodes.length === 0) return `${capital(placesNotKnown(placed))}.`;
  const have = `${listed(nodes.map(nodeWords))} ${nodes.length === 1 ? 'has' : 'have'} a ready endpoint`;
  if (placed.unplaced.length > 0) return `${have}; ${placesNotKnown(placed)}.`;
  const alone = nodes.length === 1 ? `, and with ${nodes[0]?.[0] ?? 'it'} down nothing serves` : '';
  return `Only ${have}: every other node would drop what comes to it from outside${alone}.`;
}

const placesNotKnown = ({ unplaced }: Placed): string =>
  `on which node ${listed(unplaced.map(addressOf))} ${unplaced.length === 1 ? 'is' : 'are'} is not known`;

/** What the way by which this very request came in has to say. */
function entryWords(loss: Loss, placed: Placed | undefined): string {
  if (placed === undefined) return '';
  const node = placeOf(loss);
  const { dst, dport } = loss.rewrite.original;
  const announced = !loss.isLocal(dst);
  const has = placed.byNode.has(node);
  const mayHave = placed.unplaced.length > 0;
  if (!announced) return has || mayHave ? '' : `${node} would no longer answer on port ${String(dport)}.`;
  if (has) return `${dst} must stay with nodes that have one: announced at layer 2 by another, it goes dark.`;
  if (mayHave)
    return `If ${node} has none, ${dst}, which comes in there, goes dark where it is announced at layer 2.`;
  const others = [...placed.byNode.keys()];
  const until = others.length === 0 ? 'another node with one' : listed(others, 'or');
  return `${dst} comes in at ${node}, which has none: announced at layer 2, it goes dark until ${until} announces it.`;
}

/** Each node serves its own pods alone, whatever their number. */
function spreadWords(placed: Placed | undefined): string {
  const counts = [...(placed?.byNode.values() ?? [])].map(({ length }) => length);
  if (counts.length < 2) return '';
  const uneven = counts.some((count) => count !== counts[0]);
  return `Connections are no longer spread over all pods: each node serves its own alone${uneven ? ', and not all have as many' : ''}.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
