/**
 * The roads of the lab: which namespaces and devices a packet passes from one place to an address. Worked out
 * from the topology as `scripts/lab/README.md` draws it, by the rules of routing and bridging, and so a second
 * opinion to what is traced.
 */
import {
  ALLOWED_CLIENT_IP,
  ANNOUNCED,
  CLIENT_IP,
  CLIENT_IP6,
  GONE_POD_IP,
  LB_IP,
  NODE_A,
  NODE_B,
  PODS,
  podIp,
  podIp6,
  SILENT_IP,
  type ClusterNode,
  type Pod,
} from '../../scripts/lab/topology.ts';

/** A packet leaving by a device. */
export interface Step {
  readonly out: string;
  readonly in?: string;
  /** Passed or not, as the node's neighbour entries happen to be. */
  readonly maybe?: true;
  /** One of a bridge's ports by which it leaves to all: in any order. */
  readonly flood?: true;
}

/** A namespace that a packet passes, or comes to. */
export interface Stop {
  readonly netns: string;
  /** What a netfilter hook there is told it came in by; absent where it was sent from here. */
  readonly in?: string;
  readonly steps: readonly Step[];
}

export interface Traffic {
  readonly from: string;
  readonly to: string;
  /** Where the packet's destination is rewritten, to which address. */
  readonly rewritten?: ReadonlyMap<string, string>;
  /** Where it goes no further. */
  readonly stoppedAt?: string;
  /** Addresses that another node announces than usual. */
  readonly announced?: Readonly<Record<string, ClusterNode>>;
}

export function roadOf({ from, to, rewritten, stoppedAt, announced = {} }: Traffic): Stop[] {
  const stops: Stop[] = [];
  let here: Place | undefined = { netns: from };
  let dst = to;
  while (here !== undefined) {
    const { netns, port } = here;
    dst = rewritten?.get(netns) ?? dst;
    const onward: Onward = netns === stoppedAt ? ENDS : leave(here, dst, { ...ANNOUNCED, ...announced });
    stops.push({ netns, ...(port !== undefined && { in: toldBy(netns, port) }), steps: onward.steps });
    if (stops.length > 12) throw new Error(`no end of the road from ${from} to ${to}`);
    here = onward.next;
  }
  return stops;
}

interface Place {
  readonly netns: string;
  readonly port?: string;
}

interface Onward {
  readonly steps: readonly Step[];
  readonly next?: Place;
}

const ENDS: Onward = { steps: [] };
const NODES = [NODE_A, NODE_B];

/** What has an address, as far as roads go. */
type Owner =
  | { readonly kind: 'client' | 'silent' | 'ctrl' | 'lb' | 'nobody' }
  | { readonly kind: 'node'; readonly node: ClusterNode }
  | { readonly kind: 'pod'; readonly node: ClusterNode; readonly pod?: Pod };

function ownerOf(ip: string): Owner {
  if ([CLIENT_IP, ALLOWED_CLIENT_IP, CLIENT_IP6].includes(ip)) return { kind: 'client' };
  if (ip === SILENT_IP) return { kind: 'silent' };
  if (ip === '10.100.0.10') return { kind: 'ctrl' };
  if (ip === LB_IP) return { kind: 'lb' };
  if (ip === GONE_POD_IP) return { kind: 'pod', node: NODE_B };
  const pod = PODS.find((one) => podIp(one) === ip || podIp6(one) === ip);
  if (pod !== undefined) return { kind: 'pod', node: pod.node, pod };
  const node = NODES.find(({ index, ...one }) =>
    [one.ip, one.ip6, `10.0.${index}.1`, `fd00:10:0:${index}::1`].includes(ip),
  );
  return node === undefined ? { kind: 'nobody' } : { kind: 'node', node };
}

function leave(here: Place, dst: string, announced: Readonly<Record<string, ClusterNode>>): Onward {
  if (here.netns === 'fabric') return crossFabric(here.port, dst, announced);
  const node = NODES.find(({ name }) => name === here.netns);
  if (node !== undefined) return leaveNode(node, here.port, dst);
  if (here.netns === 'plain-router') return crossPlainRouter(here.port);
  return here.port === undefined ? leaveHost(here.netns) : ENDS;
}

function leaveHost(netns: string): Onward {
  const pod = PODS.find(({ name }) => name === netns);
  const [, twin] = /^twin-(\d)-client$/.exec(netns) ?? [];
  const [, answering] = /^twin-(\d)-server$/.exec(netns) ?? [];
  const next =
    pod !== undefined
      ? { netns: pod.node.name, port: pod.veth }
      : twin !== undefined
        ? { netns: `twin-${twin}-server`, port: 'eth0' }
        : answering !== undefined
          ? { netns: `twin-${answering}-client`, port: 'eth0' }
          : {
              client: { netns: 'fabric', port: 'cl0' },
              ctrl: { netns: 'fabric', port: 'p-ctrl' },
              lb: { netns: 'fabric', port: 'p-lb' },
              'plain-client': { netns: 'plain-router', port: 'eth0' },
              'plain-server': { netns: 'plain-router', port: 'eth1' },
            }[netns];
  if (next === undefined) throw new Error(`no road out of ${netns}`);
  return { steps: [{ out: 'eth0' }], next };
}

/** A pod's packet comes to IP by the bridge; one for a pod beside it never leaves the bridge. */
function leaveNode(node: ClusterNode, port: string | undefined, dst: string): Onward {
  const owner = ownerOf(dst);
  if (dst.startsWith('127.') || (owner.kind === 'node' && owner.node === node)) return ENDS;
  const bridged = port !== undefined && port !== 'eth0';
  if (owner.kind !== 'pod' || owner.node !== node) {
    const from = bridged ? 'cbr0' : port;
    return { steps: [step('eth0', from)], next: { netns: 'fabric', port: `p-${node.name}` } };
  }
  const { pod } = owner;
  const ports = pod === undefined ? PODS.filter((one) => one.node === node && veth(one) !== port) : [pod];
  const steps: Step[] = [
    { ...step('cbr0', port), ...(bridged && { maybe: true as const }) },
    ...ports.map((one) => ({ ...step(one.veth, port), ...(pod === undefined && { flood: true as const }) })),
  ];
  return pod === undefined ? { steps } : { steps, next: { netns: pod.name, port: 'eth0' } };
}

const veth = (pod: Pod): string => pod.veth;

/** A switch between nodes, a router between them and the client. */
function crossFabric(
  port: string | undefined,
  dst: string,
  announced: Readonly<Record<string, ClusterNode>>,
): Onward {
  const owner = ownerOf(dst);
  const from = NODES.find(({ name }) => port === `p-${name}`);
  const isHost = owner.kind === 'ctrl' || owner.kind === 'lb';
  const isNear = owner.kind === 'node' || isHost;
  // A node has a route to the other's pods; the control plane has only its default route.
  const direct = port !== 'cl0' && (isNear || (from !== undefined && owner.kind === 'pod'));
  const told = port === 'cl0' ? 'cl0' : 'br0';
  if (owner.kind === 'client') return { steps: [step('cl0', told)], next: { netns: 'client', port: 'eth0' } };
  if (owner.kind === 'silent') return { steps: [step('cl0', told)] };
  const target = 'node' in owner ? owner.node.name : isHost ? owner.kind : announced[dst]?.name;
  if (target === undefined) return ENDS;
  const steps = direct ? [step(`p-${target}`, port)] : [step('br0', told), step(`p-${target}`, told)];
  return { steps, next: { netns: target, port: 'eth0' } };
}

function crossPlainRouter(port: string | undefined): Onward {
  return port === 'eth0'
    ? { steps: [step('eth1', 'eth0')], next: { netns: 'plain-server', port: 'eth0' } }
    : { steps: [step('eth0', 'eth1')], next: { netns: 'plain-client', port: 'eth0' } };
}

const step = (out: string, from: string | undefined): Step =>
  from === undefined ? { out } : { out, in: from };

/** Netfilter is told the bridge, not the port. */
const toldBy = (netns: string, port: string): string =>
  netns === 'fabric' && port.startsWith('p-') ? 'br0' : port.startsWith('veth') ? 'cbr0' : port;
