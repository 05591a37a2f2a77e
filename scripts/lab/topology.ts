/**
 * What the lab consists of, as data: namespaces with their settings, addresses and servers, and the wires
 * between them. Names are without the lab's prefix. The cluster part has the addresses of the nodes that
 * `test/fixtures/kube-proxy` was taken from.
 */

import { ingress, loadBalancer, resolver, sidecar } from './daemons.ts';
import {
  address,
  forwarding,
  host,
  mac,
  quiet,
  serving,
  wire,
  type Namespace,
  type Server,
  type Topology,
} from './network.ts';

/** kube-proxy's. */
export type Mode = 'iptables' | 'nftables';
export const MODES: readonly Mode[] = ['iptables', 'nftables'];

export interface Identity {
  readonly mode: Mode;
  /** Stands before the name of each of the lab's namespaces. */
  readonly prefix: string;
}

export const CLIENT_IP = '198.51.100.7';
/** Inside the loadBalancerSourceRanges of service-test-ranges. */
export const ALLOWED_CLIENT_IP = '198.51.100.70';
/** HAProxy, outside the cluster. */
export const LB_IP = '10.100.0.20';
export const CLIENT_IP6 = '2001:db8:51::7';
export const OUTSIDE_PORT = 8000;
export const SCTP_PORT = 9999;
/** An outside host and a pod that are switched off: their neighbours still know the address of their cards. */
export const SILENT_IP = '198.51.100.200';
export const GONE_POD_IP = '10.0.2.77';
/** No pod has it, and nobody knows the address of a card for it. */
export const NO_POD_IP = '10.0.1.78';
/** The plain pair of rules: what is dialled, on its port 80, and who is behind it; the router towards either side. */
export const PLAIN = {
  ...{ client: '10.0.0.9', dialled: '10.96.0.1', server: '192.168.1.2', port: 8080 },
  ...{ router: '10.0.0.1', routerInside: '192.168.1.1' },
} as const;
/** In each of two isolated networks. */
export const TWIN_CLIENT = '172.20.0.2';
export const TWIN_SERVER = '172.20.0.3';

export interface ClusterNode {
  readonly name: 'node-a' | 'node-b';
  readonly index: 1 | 2;
  readonly ip: string;
  readonly ip6: string;
}

export const NODE_A: ClusterNode = { name: 'node-a', index: 1, ip: '10.100.0.2', ip6: 'fd00:100::2' };
export const NODE_B: ClusterNode = { name: 'node-b', index: 2, ip: '10.100.0.3', ip6: 'fd00:100::3' };
export const NODES = [NODE_A, NODE_B] as const;
/** What kube-proxy takes for the addresses of pods (clusterCIDR). */
export const POD_NETWORKS = { 4: '10.0.0.0/16', 6: 'fd00:10::/48' } as const;
export const SERVICE_NETWORKS = { 4: '10.3.240.0/20', 6: 'fd00:10:3::/112' } as const;

export interface Pod {
  readonly name: string;
  readonly node: ClusterNode;
  /** Last number of its addresses, in hexadecimal the same digits for IPv6. */
  readonly host: number;
  /** The node's end of its veth pair. */
  readonly veth: string;
  readonly servers: readonly Server[];
}

/** What the cluster's resolver answers. */
export const ZONE: Readonly<Record<string, readonly string[]>> = {
  'service-test.default.svc.cluster.local': ['10.3.241.152'],
  'service-test-dual.default.svc.cluster.local': ['10.3.241.157', 'fd00:10:3::157'],
  'a-service.default.svc.cluster.local': ['10.3.241.161'],
  'b-service.default.svc.cluster.local': ['10.3.241.162'],
  'meshed.default.svc.cluster.local': ['10.3.241.163'],
  'ingress-nginx.default.svc.cluster.local': ['10.3.242.10'],
  'kubernetes.default.svc.cluster.local': ['10.3.240.1'],
};
/** A Service that somebody forgot to create. */
export const NO_SUCH_SERVICE = 'product-service-svc';

export const PODS: readonly Pod[] = [
  {
    name: 'service-test-1',
    node: NODE_A,
    host: 11,
    veth: 'veth093e5323',
    servers: serving('service-test-1', { tcp: [8080] }),
  },
  {
    name: 'a-service-1',
    node: NODE_A,
    host: 21,
    veth: 'veth6b0d11a4',
    servers: serving('a-service-1', { tcp: [8080] }),
  },
  {
    name: 'meshed-1',
    node: NODE_A,
    host: 31,
    veth: 'veth71c3fe09',
    servers: [...serving('meshed-1', { tcp: [8080] }), sidecar('sidecar-1')],
  },
  { name: 'dns-2', node: NODE_A, host: 53, veth: 'veth88b9e2c8', servers: [resolver('dns-2', ZONE)] },
  { name: 'broken-1', node: NODE_A, host: 66, veth: 'vethaa267a0a', servers: [] },
  { name: 'toolbox-a', node: NODE_A, host: 99, veth: 'vethce9999f2', servers: [] },
  {
    name: 'service-test-2',
    node: NODE_B,
    host: 11,
    veth: 'veth25058977',
    servers: serving('service-test-2', { tcp: [8080], sctp: [SCTP_PORT] }),
  },
  {
    name: 'ingress-nginx-1',
    node: NODE_B,
    host: 20,
    veth: 'vethdd6ef22d',
    servers: [
      ingress('ingress-nginx-1', {
        a: '10.3.241.161',
        b: '10.0.2.22:8080',
        down: '10.0.2.99:8080',
        gone: `${NO_POD_IP}:8080`,
        unresolved: `${NO_SUCH_SERVICE}.default.svc.cluster.local`,
        resolver: '10.3.240.10',
      }),
    ],
  },
  {
    name: 'b-service-1',
    node: NODE_B,
    host: 22,
    veth: 'vethe28f4c17',
    servers: serving('b-service-1', { tcp: [8080] }),
  },
  { name: 'dns-1', node: NODE_B, host: 53, veth: 'veth38a48507', servers: [resolver('dns-1', ZONE)] },
  { name: 'toolbox-b', node: NODE_B, host: 99, veth: 'vethaac5ee86', servers: [] },
  {
    name: 'hostport-web-1',
    node: NODE_B,
    host: 2,
    veth: 'veth5c02ae01',
    servers: serving('hostport-web-1', { tcp: [8080] }),
  },
];

export const podIp = (pod: Pod): string => `10.0.${pod.node.index}.${pod.host}`;
export const podIp6 = (pod: Pod): string => `fd00:10:0:${pod.node.index}::${pod.host}`;

/** Addresses outside the cluster's own that a node answers ARP for, as MetalLB's speakers do. */
export const ANNOUNCED: Readonly<Record<string, ClusterNode>> = {
  '203.0.113.10': NODE_A,
  '203.0.113.11': NODE_B,
  '203.0.113.12': NODE_A,
  '192.0.2.80': NODE_A,
};

export function topology(mode: Mode): Topology {
  const cluster = clusterPart(mode);
  const plain = plainPart();
  const twins = [twinPart(1), twinPart(2)];
  return {
    namespaces: [cluster, plain, ...twins].flatMap((part) => part.namespaces),
    wires: [cluster, plain, ...twins].flatMap((part) => part.wires),
  };
}

/** `ip neigh` line that makes the fabric send an address to a node: what its announcement brings about. */
export const announce = (ip: string, node: ClusterNode): string =>
  `neigh replace ${ip} lladdr ${mac(node.ip)} dev br0 nud permanent`;

function clusterPart(mode: Mode): Topology {
  return {
    namespaces: [
      fabric(),
      host(
        'client',
        ['198.51.100.7/24', '198.51.100.70/24', '2001:db8:51::7/64'],
        '198.51.100.1',
        '2001:db8:51::1',
        serving('outside', { tcp: [OUTSIDE_PORT] }),
      ),
      host(
        'ctrl',
        ['10.100.0.10/24', 'fd00:100::a/64'],
        '10.100.0.1',
        'fd00:100::1',
        serving('kube-apiserver', { tcp: [6443] }),
      ),
      host('lb', [`${LB_IP}/24`], '10.100.0.1', undefined, [loadBalancer('lb', NODE_A.ip, NODE_B.ip)]),
      ...NODES.map((node) => clusterNode(node, mode)),
      ...PODS.map((pod) =>
        host(
          pod.name,
          [`${podIp(pod)}/24`, `${podIp6(pod)}/64`],
          `10.0.${pod.node.index}.1`,
          `fd00:10:0:${pod.node.index}::1`,
          pod.servers,
        ),
      ),
    ],
    wires: [
      ...NODES.map((node) => wire(node.name, node.ip, 'fabric', `p-${node.name}`)),
      wire('ctrl', '10.100.0.10', 'fabric', 'p-ctrl'),
      wire('lb', LB_IP, 'fabric', 'p-lb'),
      wire('client', '198.51.100.7', 'fabric', 'cl0'),
      ...PODS.map((pod) => wire(pod.name, podIp(pod), pod.node.name, pod.veth)),
    ],
  };
}

/** The network between client and nodes: a router whose inner side is a switch. It has no default route. */
function fabric(): Namespace {
  const ports = ['p-node-a', 'p-node-b', 'p-ctrl', 'p-lb'];
  return {
    name: 'fabric',
    sysctls: { ...quiet, ...forwarding },
    setup: [
      'link set lo up',
      `link add br0 address ${mac('10.100.0.1')} type bridge`,
      ...ports.flatMap((port) => [`link set ${port} master br0`, `link set ${port} up`]),
      'link set br0 up',
      'link set cl0 up',
      ...address('br0', '10.100.0.1/24', 'fd00:100::1/64'),
      ...address('cl0', '198.51.100.1/24', '2001:db8:51::1/64'),
      ...NODES.flatMap((node) => [
        `route add 10.0.${node.index}.0/24 via ${node.ip}`,
        `route add fd00:10:0:${node.index}::/64 via ${node.ip6}`,
      ]),
      ...Object.entries(ANNOUNCED).flatMap(([ip, node]) => [`route add ${ip} dev br0`, announce(ip, node)]),
      `neigh add ${SILENT_IP} lladdr ${mac(SILENT_IP)} dev cl0 nud permanent`,
    ],
    servers: [],
  };
}

function clusterNode(node: ClusterNode, mode: Mode): Namespace {
  const other = node === NODE_A ? NODE_B : NODE_A;
  const bridge = `10.0.${node.index}.1`;
  return {
    name: node.name,
    sysctls: {
      ...quiet,
      ...forwarding,
      // kube-proxy sets it in iptables mode only, for node ports on 127.0.0.1.
      'net/ipv4/conf/all/route_localnet': mode === 'iptables' ? '1' : '0',
      'net/bridge/bridge-nf-call-iptables': '1',
      'net/bridge/bridge-nf-call-ip6tables': '1',
    },
    setup: [
      'link set lo up',
      'link set eth0 up',
      ...address('eth0', `${node.ip}/24`, `${node.ip6}/64`),
      `link add cbr0 address ${mac(bridge)} type bridge`,
      ...PODS.filter((pod) => pod.node === node).flatMap(({ veth }) => [
        `link set ${veth} master cbr0`,
        `link set ${veth} type bridge_slave hairpin on`,
        `link set ${veth} up`,
      ]),
      'link set cbr0 up',
      ...address('cbr0', `${bridge}/24`, `fd00:10:0:${node.index}::1/64`),
      ...(node === NODE_B
        ? [`neigh add ${GONE_POD_IP} lladdr ${mac(GONE_POD_IP)} dev cbr0 nud permanent`]
        : []),
      'route add default via 10.100.0.1',
      'route add default via fd00:100::1',
      `route add 10.0.${other.index}.0/24 via ${other.ip}`,
      `route add fd00:10:0:${other.index}::/64 via ${other.ip6}`,
    ],
    // A pod with hostNetwork lives in the node's own namespace.
    servers: node === NODE_B ? serving('node-exporter', { tcp: [9100] }) : [],
  };
}

/** The plain iptables pair without any Kubernetes: client, router, server. */
function plainPart(): Topology {
  return {
    namespaces: [
      host(
        'plain-client',
        [`${PLAIN.client}/24`],
        PLAIN.router,
        undefined,
        serving('plain-client', { tcp: [9000] }),
      ),
      {
        name: 'plain-router',
        sysctls: { ...quiet, ...forwarding },
        setup: [
          'link set lo up',
          'link set eth0 up',
          'link set eth1 up',
          ...address('eth0', `${PLAIN.router}/24`),
          ...address('eth1', `${PLAIN.routerInside}/24`),
        ],
        servers: [],
      },
      host(
        'plain-server',
        [`${PLAIN.server}/24`],
        PLAIN.routerInside,
        undefined,
        serving('plain-server', { tcp: [PLAIN.port] }),
      ),
    ],
    wires: [
      wire('plain-client', PLAIN.client, 'plain-router', 'eth0'),
      wire('plain-server', PLAIN.server, 'plain-router', 'eth1'),
    ],
  };
}

/** One of two isolated networks with the same addresses. */
function twinPart(index: 1 | 2): Topology {
  const client = `twin-${index}-client`;
  const server = `twin-${index}-server`;
  return {
    namespaces: [
      host(client, [`${TWIN_CLIENT}/24`], undefined, undefined, []),
      host(server, [`${TWIN_SERVER}/24`], undefined, undefined, serving(server, { tcp: [8080], udp: [53] })),
    ],
    wires: [wire(client, TWIN_CLIENT, server, 'eth0')],
  };
}
