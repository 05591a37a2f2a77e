/** Which program wrote a rule, by the names it gives its tables and chains and what it writes in comments. */
import type { RuleAuthor } from '../../trace/knowledge.ts';
import type { Found, Trail } from './journey.ts';

export function authorOf(found: Found): RuleAuthor | undefined {
  const names = namesOf(found);
  const comment = found.comment ?? found.rule?.comment ?? '';
  return AUTHORS.find(
    ([, chain, text]) => names.some((name) => chain.test(name)) || text?.test(comment),
  )?.[0];
}

/** Its table, its chain, and the chains on the way to it. */
export function namesOf({ table, chain, trail }: Found): string[] {
  const names = [chain.name, table.name];
  for (let at: Trail | undefined = trail; at; at = at.outer) names.push(at.chain.name);
  return names;
}

type Author = readonly [author: RuleAuthor, names: RegExp, comment?: RegExp];

/** The chains of a plugin may be jumped to from those of another: the most particular first. */
const AUTHORS: readonly Author[] = [
  ['portmap', /^(?:CNI-HOSTPORT-|CNI-DN-|cni_hostport$)/],
  ['flannel', /^(?:FLANNEL-|flannel-)/, /^flanneld masq$/],
  ['calico', /^cali-|^calico$/],
  ['cilium', /^(?:OLD_)?CILIUM_/],
  ['ip-masq-agent', /^IP-MASQ/],
  ['aws-vpc-cni', /^AWS-SNAT/],
  ['kindnet', /^(?:KIND-MASQ|kindnet)/],
  ['weave', /^WEAVE/],
  ['antrea', /^ANTREA-/],
  ['kube-router', /^KUBE-ROUTER/],
  ['kubenet', /^$/, /^kubenet: /],
  // A chain for each container, by a hash; with nftables one table for all.
  ['cni-bridge', /^(?:CNI-[0-9a-f]+|cni_plugins_masquerade|cni_masq)$/],
  ['kube-proxy', /^(?:KUBE-|kube-proxy$)/],
  ['docker', /^DOCKER/],
  ['podman', /^(?:NETAVARK|netavark$)/],
  ['libvirt', /^(?:LIBVIRT_|libvirt_network$)/],
  ['firewalld', /^(?:POST_|firewalld$)/],
];
