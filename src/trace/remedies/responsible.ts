/** Which object, and which field of it, has the say over a loss. */
import type { Responsible, Rule } from '../request.ts';
import { placeOf, serviceOf } from './loss.ts';
import type { Loss } from './loss.ts';
import { programOf } from './programs.ts';

export function responsibleFor(loss: Loss): Responsible | undefined {
  const { cause, explained } = loss;
  const service = serviceOf(loss);
  switch (cause) {
    case 'masquerade-external-traffic-policy':
      return service === undefined ? undefined : policy(service, 'Cluster');
    case 'masquerade-hairpin':
      return {
        object: loss.server?.kind === 'pod' ? `Pod ${loss.server.name ?? loss.server.ip}` : 'kube-proxy',
      };
    case 'masquerade-off-cluster':
      return offCluster(loss, service);
    case 'masquerade-all':
      return { object: 'kube-proxy', field: `${modeOf(explained.markedBy)}.masqueradeAll`, value: 'true' };
    case 'masquerade-hostport':
    case 'masquerade-cni-outgoing':
    case 'snat-rule':
      return byProgram(loss);
    case 'load-balancer':
      return { object: `load balancer ${placeOf(loss)}` };
    default:
      return undefined;
  }
}

const policy = (service: string, value: 'Cluster' | 'Local'): Responsible => ({
  object: `Service ${service}`,
  field: 'spec.externalTrafficPolicy',
  value,
});

/** The mark is set for what is no pod's; under policy Local, for what the node itself sends. */
function offCluster(loss: Loss, service: string | undefined): Responsible {
  const { markedBy, spared } = loss.explained;
  const [within] = spared?.sources ?? [];
  if (within === undefined && service !== undefined) return policy(service, 'Local');
  if (within === undefined) return { object: 'kube-proxy' };
  const isRange = /[.:]/.test(within);
  if (isRange) return { object: 'kube-proxy', field: 'clusterCIDR', value: within };
  const field = within.endsWith('*') ? 'detectLocal.interfaceNamePrefix' : 'detectLocal.bridgeInterface';
  return { object: 'kube-proxy', ...(markedBy && { field, value: within.replace(/\*$/, '') }) };
}

function byProgram(loss: Loss): Responsible {
  const { explained, rewrite, hop } = loss;
  const program = programOf(explained.author);
  if (program === undefined) return { object: ruleName(hop.rule, placeOf(loss)) };
  const spared = explained.spared ?? { sources: [], destinations: [] };
  const value = program.value?.(spared, rewrite.original.src.includes(':') ? 6 : 4);
  return {
    object: program.object,
    ...(program.field !== undefined && { field: program.field }),
    ...(value !== undefined && { value }),
  };
}

export function ruleName(rule: Rule | undefined, place: string): string {
  return rule === undefined
    ? `a rule on ${place}`
    : `rule in ${rule.family} ${rule.table} ${rule.chain} on ${place}`;
}

const modeOf = (rule: Rule | undefined): 'iptables' | 'nftables' =>
  rule?.table === 'kube-proxy' ? 'nftables' : 'iptables';
