/** The packet was dropped in silence: by a rule, or by the kernel for a reason of its own. */
import type { DropEvent } from '../../events/event.ts';
import type { Failure, FailureDetail } from '../request.ts';
import { evidenceOf, ruleEvidence } from './evidence.ts';
import { BY_RULE } from '../refusal-rule.ts';
import { policyOf } from './policy.ts';
import {
  atHop,
  capital,
  dialledBy,
  endpointsOf,
  entryDenied,
  failedHop,
  place,
  rulesThere,
  ruleWords,
  serviceOf,
  serviceOrAddress,
} from './scene.ts';
import type { Scene } from './scene.ts';

export function dropped(scene: Scene): Failure {
  const drop = scene.way.failed?.mishap?.event;
  if (drop?.kind !== 'drop' || drop.reason !== BY_RULE) return byKernel(scene);
  const hop = failedHop(scene);
  const dialled = dialledBy(scene);
  const by = ruleWords(hop);
  const base = { ...atHop(scene), reason: BY_RULE };
  const evidence = [...evidenceOf(scene), ...ruleEvidence(hop?.rule)];
  switch (scene.way.failed?.rule.because) {
    case 'no-local-endpoint':
      return {
        kind: 'no-local-endpoint',
        ...base,
        text: `Service ${serviceOrAddress(scene)} keeps traffic on the node (Local) and has no endpoint there: ${by} drops ${dialled}.`,
        evidence,
        next: `Send it to a node with an endpoint (${endpointsOf(serviceOf(scene))} names them), run a pod on this one, or set externalTrafficPolicy: Cluster, which hides the client's address.`,
      };
    case 'source-ranges':
      return {
        kind: 'dropped-by-rule',
        detail: 'source-ranges',
        ...base,
        text: `${by} drops ${dialled}: the source is outside loadBalancerSourceRanges.`,
        evidence,
        next: `Add the client's address to loadBalancerSourceRanges of ${serviceOrAddress(scene)}, or dial from inside them.`,
      };
    case 'no-endpoints':
      return {
        kind: 'dropped-by-rule',
        detail: 'no-endpoints',
        ...base,
        text: `${by} drops ${dialled}: Service ${serviceOrAddress(scene)} has no ready endpoint.`,
        evidence,
        next: `See ${endpointsOf(serviceOf(scene))}.`,
      };
    default: {
      const denied = entryDenied(scene);
      if (denied !== undefined) {
        return {
          kind: 'dropped-by-kernel',
          ...base,
          text: `Netfilter on ${place(denied.hop)} drops ${dialled} where its conntrack entry would be made, and no rule that is known explains it.`,
          evidence,
          next: `See whether the conntrack table of ${place(denied.hop)} is full (\`conntrack -S\` counts drop; \`sysctl net.netfilter.nf_conntrack_count\`), then its raw and mangle rules.`,
        };
      }
      const policy = policyOf(hop?.rule);
      return {
        kind: 'dropped-by-rule',
        ...(policy && { detail: 'network-policy' }),
        ...base,
        text: `${by} drops ${dialled}${policy?.words ?? ''}.`,
        evidence,
        next:
          policy?.next ??
          `Read the rules of ${rulesThere(hop)}, and let this traffic pass if it is meant to.`,
      };
    }
  }
}

function byKernel(scene: Scene): Failure {
  const hop = failedHop(scene);
  const drop = scene.way.failed?.mishap?.event;
  const by = hop === undefined ? 'the kernel' : place(hop);
  const base = { kind: 'dropped-by-kernel', ...atHop(scene), evidence: evidenceOf(scene) } as const;
  if (drop?.kind !== 'drop') {
    return {
      ...base,
      reason: 'unknown',
      text: `${capital(by)} dropped the packet to ${dialledBy(scene)}.`,
      next: `Look at the addresses and routes of ${by} (\`ip address\`, \`ip route get\`) and its counters (\`nstat -az\`).`,
    };
  }
  const { detail, because, next } = causeOf(drop, by, hop?.device?.in);
  return {
    ...base,
    ...(detail && { detail }),
    reason: drop.reason,
    text: `${capital(by)} dropped the packet to ${dialledBy(scene)}: ${because} (${drop.reason} in ${drop.location}).`,
    next,
  };
}

interface Cause {
  readonly detail?: FailureDetail;
  readonly because: string;
  readonly next: string;
}

/** What the kernel's reasons mean (include/net/dropreason-core.h), and what mends them. */
function causeOf({ reason, location, tuple }: DropEvent, by: string, device: string | undefined): Cause {
  const { src, dst } = tuple;
  const byDevice = device === undefined ? '' : ` by ${device}`;
  if (reason === 'IP_RPFILTER') {
    return {
      detail: 'reverse-path',
      because: `it came in${byDevice}, by which ${by} would not send to ${src}`,
      next: `Mend the route to ${src} on ${by} (\`ip route get ${src}\`), or set net.ipv4.conf.*.rp_filter to 2 (loose) or 0 there.`,
    };
  }
  if (location === 'br_handle_frame_finish') {
    return {
      detail: 'hairpin-off',
      because: `its bridge may not send a packet back by the port that it came in by, and ${dst} lives there`,
      next: `Set hairpin mode on the pod's bridge port on ${by} (\`bridge link set dev VETH hairpin on\`; kubelet's hairpinMode, or the bridge plugin's hairpinMode: true).`,
    };
  }
  if (NO_WAY.has(reason) || location === 'ip_error') {
    return {
      detail: 'no-route',
      because: `it has no way to ${dst} that it may use`,
      next: `Ask ${by} for its way: \`ip route get ${dst}\`; a blackhole route drops in silence.`,
    };
  }
  if (reason.startsWith('NEIGH_') && reason !== 'NEIGH_QUEUEFULL') {
    return {
      detail: 'neighbour-failed',
      because: `nobody told it the hardware address of the next hop to ${dst}`,
      next: `See whether ${dst} is up: \`ip neigh show ${dst}\` and \`ip route get ${dst}\` on ${by}.`,
    };
  }
  if (FULL.has(reason)) {
    return {
      detail: 'queue-full',
      because: 'a queue was full',
      next: `See what cannot keep up on ${by}: \`nstat -az | grep -iE 'drop|overflow'\`, \`ss -lnt\`, \`tc -s qdisc\`.`,
    };
  }
  return {
    because: 'for a reason of its own',
    next: `Look at the addresses and routes of ${by} (\`ip address\`, \`ip route get ${dst}\`) and its counters (\`nstat -az\`).`,
  };
}

const NO_WAY: ReadonlySet<string> = new Set([
  'IP_INNOROUTES',
  'IP_OUTNOROUTES',
  'IP_INADDRERRORS',
  'IP_LOCALNET',
]);
const FULL: ReadonlySet<string> = new Set([
  'NEIGH_QUEUEFULL',
  'SOCKET_RCVBUFF',
  'TCP_LISTEN_OVERFLOW',
  'CPU_BACKLOG',
  'QDISC_DROP',
  'FULL_RING',
]);
