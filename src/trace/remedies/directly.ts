/** Losses that no traffic policy undoes: what must be dialled instead, or set elsewhere, that the source stays. */
import { destinationOf } from '../../events/tuple.ts';
import type { Remedy, WhatIf } from '../request.ts';
import { addressOf, listed } from './endpoints.ts';
import { endpointsFor, placeOf, serviceOf } from './loss.ts';
import type { Loss } from './loss.ts';
import { programOf } from './programs.ts';
import { ruleName } from './responsible.ts';
import { cannotTell, wouldReach } from './what-if.ts';

/** A pod that its own Service sends back to it. */
export function hairpin({ rewrite }: Loss): Remedy[] {
  const { src } = rewrite.original;
  const itself = destinationOf(rewrite.after);
  return [
    {
      kind: 'dial-directly',
      text: `Let the pod reach itself by localhost or as ${itself}, not through its Service`,
      breaks:
        'It then meets itself alone, never another pod of the Service. The masquerade itself cannot go: without it the pod would answer its own address directly, and the connection would not come about.',
      whatIf: wouldReach(
        [itself],
        'preserved',
        `no rule rewrites what a pod sends to itself: it would see ${src}`,
      ),
    },
  ];
}

/** An address for the cluster's own pods, dialled by the node itself or from outside. */
export function offCluster(loss: Loss): Remedy[] {
  const { src } = loss.rewrite.original;
  const service = serviceOf(loss) ?? 'the Service';
  const direct = dialDirectly(
    loss,
    `Dial a pod of ${service} itself (a headless Service gives their addresses)`,
  );
  if (loss.isLocal(src)) return [direct];
  if (loss.client.kind !== 'pod') {
    return [
      {
        kind: 'external-traffic-policy',
        text: `Dial ${service} by a node port or a load balancer address, and set spec.externalTrafficPolicy: Local on it`,
        breaks: 'Nodes without a ready endpoint then drop what comes to them from outside.',
      },
      direct,
    ];
  }
  const spared = loss.explained.spared?.sources ?? [];
  return [
    {
      kind: 'kube-proxy-setting',
      text: `Let kube-proxy take ${src} for a pod of the cluster: it does so of ${listed(spared)} alone (clusterCIDR or detectLocal in ConfigMap kube-system/kube-proxy)`,
      breaks: `Answers must then come back through ${placeOf(loss)}, or the client gets them from an address that it never dialled. kube-proxy must be started anew on every node.`,
      whatIf: wouldReach(
        [destinationOf(loss.rewrite.after)],
        'preserved',
        `what counts as a pod's is not marked: the server would see ${src}`,
      ),
    },
    direct,
  ];
}

/** kube-proxy set to masquerade whatever goes to a Service. */
export function masqueradeAll(loss: Loss): Remedy[] {
  const mode = loss.explained.markedBy?.table === 'kube-proxy' ? 'nftables' : 'iptables';
  return [
    {
      kind: 'kube-proxy-setting',
      text: `Set ${mode}.masqueradeAll: false in ConfigMap kube-system/kube-proxy, and start kube-proxy anew on every node`,
      breaks:
        'Answers must then come back through the node that translated the connection: from pods on a bridge without bridge-nf-call-iptables, or by a route past that node, they come from an address that was never dialled, and are reset. What is not from a pod stays masqueraded where clusterCIDR is set.',
      whatIf: withoutAll(loss),
    },
  ];
}

function withoutAll({ rewrite, client }: Loss): WhatIf {
  const { src } = rewrite.original;
  const reached = destinationOf(rewrite.after);
  if (src === rewrite.before.dst) return wouldReach([reached], 'lost', 'the pod meets itself: hairpin');
  return client.kind === 'pod'
    ? wouldReach(
        [reached],
        'preserved',
        `what a pod sends to a ClusterIP is not marked then: the server would see ${src}`,
      )
    : cannotTell(
        'whether the source would count as a pod of the cluster stands in no rule while masqueradeAll is set',
      );
}

/** What leaves the pods' network, and what a rule of somebody else rewrites. */
export function byProgram(loss: Loss): Remedy[] {
  const { explained, rewrite, hop } = loss;
  const { src } = rewrite.original;
  const { dst } = rewrite.after;
  const place = placeOf(loss);
  const program = programOf(explained.author);
  return [
    {
      kind: program === undefined ? 'rule' : 'network-setting',
      text:
        program?.remedy(dst, dst.includes(':') ? 6 : 4) ??
        `Except what goes from ${src} to ${dst} from the ${ruleName(hop.rule, place)}`,
      breaks: `${dst} must have a way back to ${src} that leads by ${place}. The internet has none to a private address: what goes there must stay hidden.`,
      whatIf: cannotTell(
        `it would leave ${place} with the source ${src}; whether ${dst} has a way back to that is not known here`,
      ),
    },
  ];
}

/** A port of the node that the portmap plugin leads to a pod: it hides the pods of the node, and localhost. */
export function hostPort(loss: Loss): Remedy[] {
  const reached = destinationOf(loss.rewrite.after);
  const pod = loss.server?.name ?? reached;
  return [
    dialDirectly(loss, `Dial ${pod} itself at ${reached}, or through a Service`),
    {
      kind: 'host-network',
      text: `Give ${pod} hostNetwork: true in place of the hostPort`,
      breaks:
        "It then has the node's addresses and shares the node's ports; two of it cannot run on one node, and NetworkPolicies may not hold for it.",
    },
    {
      kind: 'network-setting',
      text: programOf('portmap')?.remedy(reached, 4) ?? '',
      breaks:
        'Pods of the same node, and its processes that dial 127.0.0.1, then get no answer from the hostPort: the pod answers them past the node.',
    },
  ];
}

/** Past the Service. */
function dialDirectly(loss: Loss, text: string): Remedy {
  return {
    kind: 'dial-directly',
    text,
    breaks:
      'Nothing then spreads the connections or leads them past a pod that is not ready, and pods come and go with their addresses.',
    whatIf: withoutService(loss),
  };
}

/** What goes from a pod to a pod is not rewritten, unless a rule does so for all. */
function withoutService(loss: Loss): WhatIf {
  const { rewrite, rules, isLocal } = loss;
  const { src } = rewrite.original;
  if (isLocal(src)) {
    return cannotTell(
      `the source is then the address that ${placeOf(loss)} has on the device towards the pod`,
    );
  }
  const { dst, dport } = rewrite.after;
  const hiding = rules?.sourceRule({ tuple: { ...rewrite.original, dst, dport } }).rule;
  if (hiding !== undefined) return cannotTell(`${hiding.table} ${hiding.chain} may hide ${src} all the same`);
  const endpoints = endpointsFor(loss)?.all.map(addressOf) ?? [];
  return wouldReach(
    endpoints.length > 0 ? endpoints : [destinationOf(rewrite.after)],
    'preserved',
    `without a Service nothing is rewritten: the server would see ${src}`,
  );
}
