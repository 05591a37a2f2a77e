import type { LinkFact, ListenerFact, NetnsEvent, TenantFact } from '../../events/event.ts';
import { dataPathOf } from './data-path.ts';
import type { KubeProxyMode } from './tables.ts';

/** All that was read of one namespace. */
export interface NetnsFacts {
  readonly inum: number;
  /** The machine's own: where nathop or the first process is. */
  readonly own: boolean;
  /** Last parts of the paths it is mounted at. */
  readonly mountNames: readonly string[];
  /** Of its processes, where it is not the machine's. */
  readonly hostname?: string;
  readonly kubeProxy: KubeProxyMode;
  /** A kubelet, kube-proxy or k3s that is no Pod's runs in it. */
  readonly nodeAgent: boolean;
  /** As such a process was told. */
  readonly nodeName?: string;
  /** Of the Pods whose processes are in it; a node's namespace has those on the host network. */
  readonly podUids: readonly string[];
  readonly containers: readonly string[];
  /** Processes of Pods, one by one; of interest in a node's namespace, where there are several. */
  readonly tenants: readonly TenantFact[];
  readonly links: readonly LinkFact[];
  /** Names of the devices with a default route; read of nodes only. */
  readonly defaultDevices: readonly string[];
  readonly listeners: readonly ListenerFact[];
}

export type Description = Omit<NetnsEvent, 'kind' | 'at'>;

/**
 * Who is what, from everything read of all namespaces at one time. Pods are told by their control group or,
 * where that says nothing, by their place: behind one node, on a link that is not the node's way out.
 */
export function describe(
  all: readonly NetnsFacts[],
  machineName: string,
  podNames: ReadonlyMap<string, string>,
): Description[] {
  const nodes = new Map(all.filter(isNode).map((node) => [node.inum, node]));
  return all.map((facts) => {
    const shared = { netns: facts.inum, links: facts.links, listeners: facts.listeners };
    if (nodes.has(facts.inum)) {
      const name = nodeNameOf(facts, machineName);
      const tenants = facts.tenants.length > 0 ? { tenants: facts.tenants } : {};
      return { ...shared, ...tenants, name, role: 'node', node: name };
    }
    if (facts.own) return { ...shared, name: machineName, role: 'host' };
    const contained = facts.containers.length > 0 ? { containers: facts.containers } : {};
    const node = nodeBehind(facts, nodes);
    if (facts.podUids.length === 0 && (facts.containers.length > 0 || !node)) {
      return { ...shared, ...contained, name: plainName(facts), role: 'other' };
    }
    const [podUid] = facts.podUids;
    const pod = podNames.get(podUid ?? '');
    const host = node ?? (nodes.size === 1 ? [...nodes.values()][0] : undefined);
    return {
      ...shared,
      ...contained,
      name: pod ?? plainName(facts),
      role: 'pod',
      ...(host ? { node: nodeNameOf(host, machineName) } : {}),
      ...(pod === undefined ? {} : { pod }),
      ...(podUid === undefined ? {} : { podUid }),
    };
  });
}

/** Where eBPF programs serve Services there are no rules of kube-proxy; the devices of who loads them tell a node. */
export const isNode = ({
  kubeProxy,
  nodeAgent,
  links,
}: Pick<NetnsFacts, 'kubeProxy' | 'nodeAgent'> & Linked): boolean =>
  kubeProxy !== 'none' || nodeAgent || dataPathOf(links) !== undefined;

interface Linked {
  readonly links: readonly Pick<LinkFact, 'name'>[];
}

const nodeNameOf = (facts: NetnsFacts, machineName: string): string =>
  facts.nodeName ?? facts.hostname ?? (facts.own ? machineName : plainName(facts));

function plainName({ inum, mountNames, hostname, containers }: NetnsFacts): string {
  const given = mountNames.find((name) => !isGenerated(name));
  return given ?? hostname ?? containers[0]?.slice(0, 12) ?? mountNames[0] ?? `netns-${inum}`;
}

/** Names that container runtimes and CNI make up: `cni-UUID`, a UUID, a container's id. */
const isGenerated = (name: string): boolean =>
  /^(?:cni-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[0-9a-f]{12,64}$/.test(name);

/** The node that all its links lead to, provided none of them is how that node reaches the world. */
function nodeBehind(facts: NetnsFacts, nodes: ReadonlyMap<number, NetnsFacts>): NetnsFacts | undefined {
  // The fallback devices of tunnel modules (tunl0, sit0, …) stand in every namespace, without address.
  const links = facts.links.filter(
    (link) => link.type === 'veth' || (!isLoop(link) && link.addresses.length > 0),
  );
  const [first] = links;
  const node = first?.peerNetns === undefined ? undefined : nodes.get(first.peerNetns);
  if (!node || !links.every((link) => link.type === 'veth' && link.peerNetns === node.inum)) return undefined;
  const uplinks = node.links
    .filter(({ name }) => node.defaultDevices.includes(name))
    .map(({ ifindex }) => ifindex);
  const isUplink = (link: LinkFact): boolean => {
    const peer = node.links.find(({ ifindex }) => ifindex === link.peerIfindex);
    return !peer || uplinks.includes(peer.ifindex) || uplinks.includes(peer.masterIfindex ?? 0);
  };
  return links.some(isUplink) ? undefined : node;
}

const isLoop = (link: LinkFact): boolean => link.ifindex === 1;
