/** What of a node's traffic eBPF programs handle, which netfilter's hops do not show. */
import { dataPathOf } from '../../cluster/netns/data-path.ts';
import type { KubeProxyMode } from '../../cluster/netns/tables.ts';
import type { LinkFact } from '../../events/event.ts';
import { type Check, doubtful, fine } from './check.ts';

interface Node {
  readonly node: string;
  readonly links: readonly Pick<LinkFact, 'name'>[];
  readonly kubeProxy: KubeProxyMode;
}

const STILL_SEEN =
  'Still seen: packets at every device, drops, who dialled, who took it and what source it saw, message heads, and what ' +
  "netfilter's own rules do.";

export function dataPathCheck({ node, links, kubeProxy }: Node): Check[] {
  const name = `data path on ${node}`;
  const names = links.map((link) => link.name);
  const path = dataPathOf(links);
  if (path === 'cilium') {
    const pods = names.filter((device) => device.startsWith('lxc') && device !== 'lxc_health').length;
    return [outside(name, `Cilium, by eBPF; ${podsOn(pods, 'lxc')}`, 'cilium monitor', kubeProxy)];
  }
  const pods = names.filter((device) => /^cali[0-9a-f]+$/.test(device)).length;
  if (path === 'calico-ebpf') {
    return [
      outside(name, `Calico, by eBPF; ${podsOn(pods, 'cali')}`, 'calico-node -bpf nat dump', kubeProxy),
    ];
  }
  return pods === 0 ? [] : [fine(name, `Calico, by netfilter's rules; ${podsOn(pods, 'cali')}`)];
}

const podsOn = (count: number, device: string): string =>
  `${count} ${count === 1 ? 'pod' : 'pods'} on ${device} devices`;

/** @param look what shows the rewrites that are not seen here */
function outside(name: string, who: string, look: string, kubeProxy: KubeProxyMode): Check {
  const served = kubeProxy === 'none';
  const services = served ? 'Services too' : `Services by kube-proxy (${kubeProxy})`;
  const unseen = served
    ? "Not seen: the rewrites of Services, which are made at the socket or the device and never by netfilter: a ClusterIP's is no hop, and no rule is named."
    : 'Not seen: what eBPF programs forward past netfilter, and the policy by which they drop.';
  return doubtful(name, `${who}; ${services}`, `Hold it against \`${look}\` on the node.`, {
    means: `Outside of netfilter. ${unseen} ${STILL_SEEN}`,
    values: { ebpf: true, services: served ? 'ebpf' : kubeProxy },
  });
}
