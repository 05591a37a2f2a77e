/** The packet was dropped in silence: by a rule, or by the kernel for a reason of its own. */
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import { policyOf } from './policy.ts';
import {
  atHop,
  BY_RULE,
  capital,
  dialledBy,
  endpointsOf,
  failedHop,
  place,
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
  const evidence = [...evidenceOf(scene), ...(hop?.rule === undefined ? [] : [`the rule: ${hop.rule.text}`])];
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
      const policy = policyOf(hop?.rule);
      return {
        kind: 'dropped-by-rule',
        ...(policy && { detail: 'network-policy' }),
        ...base,
        text: `${by} drops ${dialled}${policy?.words ?? ''}.`,
        evidence,
        next:
          policy?.next ??
          `Read the rules of ${hop?.rule?.chain ?? 'the filter tables'} there, and let this traffic pass if it is meant to.`,
      };
    }
  }
}

function byKernel(scene: Scene): Failure {
  const hop = failedHop(scene);
  const drop = scene.way.failed?.mishap?.event;
  const reason = drop?.kind === 'drop' ? drop.reason : 'unknown';
  const location = drop?.kind === 'drop' ? ` in ${drop.location}` : '';
  const by = hop === undefined ? 'the kernel' : place(hop);
  return {
    kind: 'dropped-by-kernel',
    ...atHop(scene),
    reason,
    text: `${capital(by)} dropped the packet to ${dialledBy(scene)}: ${reason}${location}.`,
    evidence: evidenceOf(scene),
    next: `Look at the addresses and routes of ${by} (\`ip address\`, \`ip route get\`) and its counters (\`nstat -az\`).`,
  };
}
