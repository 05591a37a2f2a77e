/**
 * Other settings of the cluster, written as the programs would write them: put over the rules of a lab. What they do is seen on real packets, and can be held against what was foretold of it.
 */
import type { Program } from './network.ts';
import { nftChain, sepChain, serviceChain, type Service } from './scenarios/kube.ts';
import { LB_IP, NODES, POD_NETWORKS, type ClusterNode, type Mode } from './topology.ts';

/** A Service with what kube-proxy makes of it depends on. */
export interface Served {
  readonly service: Service;
  /** `ip:port`, `[ip]:port`: of all nodes. */
  readonly endpoints: readonly string[];
  /** Its addresses outside the cluster's own. */
  readonly addresses?: readonly string[];
}

/** `externalTrafficPolicy: Local`, on every node. */
export const localPolicy = (mode: Mode, served: Served): Program[] =>
  NODES.map((node) => (mode === 'iptables' ? localIptables(served, node) : localNft(served, node)));

function localIptables({ service, endpoints, addresses = [] }: Served, node: ClusterNode): Program {
  const { name, protocol, nodePort } = service;
  const [ext, svc, svl] = (['ext', 'svc', 'svl'] as const).map((stage) => serviceChain(service, stage));
  const comment = (text: string): string => `-m comment --comment "${text}"`;
  const traffic = (what: string): string => comment(`${what} traffic for ${name} external destinations`);
  const isV6 = isIpv6(endpoints);
  const here = endpoints.filter((endpoint) => isOn(endpoint, node));
  const toPort = (port: number): string => `-m ${protocol} --dport ${port}`;
  const none = comment(`${name} has no local endpoints`);
  const nat = [
    `:${ext} - [0:0]`,
    ...(here.length === 0 ? [] : [`:${svl} - [0:0]`]),
    `-A ${ext} -s ${POD_NETWORKS[isV6 ? 6 : 4]} ${traffic('pod')} -j ${svc}`,
    `-A ${ext} ${traffic('masquerade LOCAL')} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
    `-A ${ext} ${traffic('route LOCAL')} -m addrtype --src-type LOCAL -j ${svc}`,
    ...(here.length === 0 ? [] : [`-A ${ext} -j ${svl}`]),
    ...here.map(
      (endpoint) => `-A ${svl} ${comment(`${name} -> ${endpoint}`)} -j ${sepChain(service, endpoint)}`,
    ),
  ];
  const filter =
    here.length > 0
      ? []
      : [
          ...addresses.map(
            (ip) =>
              `-A KUBE-EXTERNAL-SERVICES -d ${ip} -p ${protocol} ${none} ${toPort(service.port)} -j DROP`,
          ),
          `-A KUBE-EXTERNAL-SERVICES -p ${protocol} ${none} -m addrtype --dst-type LOCAL ${toPort(nodePort)} -j DROP`,
        ];
  return restore(node.name, { nat, filter }, isV6);
}

function localNft({ service, endpoints, addresses = [] }: Served, node: ClusterNode): Program {
  const { name, protocol, port, nodePort } = service;
  const [external, all, local] = (['external', 'service', 'local'] as const).map((kind) =>
    nftChain(service, kind),
  );
  const family = isIpv6(endpoints) ? 'ip6' : 'ip';
  const here = endpoints.filter((endpoint) => isOn(endpoint, node));
  const targets = here.map((endpoint, i) => `${i} : ${endpoint.replace(/^\[?(.*?)\]?:(\d+)$/, '$1 . $2')}`);
  const drop = `comment "${name}" : drop`;
  const none = `${addresses.map((ip) => `add element ${family} kube-proxy no-endpoint-services { ${ip} . ${protocol} . ${port} ${drop} }\n`).join('')}add element ${family} kube-proxy no-endpoint-nodeports { ${protocol} . ${nodePort} ${drop} }
`;
  return {
    namespace: node.name,
    command: ['nft', '-f', '-'],
    input: `flush chain ${family} kube-proxy ${external}
table ${family} kube-proxy {
	chain ${local} {
		${here.length === 0 ? '' : `meta l4proto ${protocol} dnat ${family} to numgen random mod ${here.length} map { ${targets.join(', ')} }`}
	}
	chain ${external} {
		${family} saddr ${POD_NETWORKS[family === 'ip' ? 4 : 6]} goto ${all} comment "short-circuit pod traffic"
		fib saddr type local meta mark set meta mark | 0x00004000 comment "masquerade local traffic"
		fib saddr type local goto ${all} comment "short-circuit local traffic"
		${here.length === 0 ? '' : `goto ${local}`}
	}
}
${here.length === 0 ? none : ''}`,
  };
}

/** kube-proxy's masqueradeAll. With iptables it stands in the chain of each Service; with nftables in one place. */
export const masqueradeAll = (mode: Mode, { service }: Served): Program[] =>
  NODES.map((node) => {
    const { name, ip, port, protocol } = service;
    const svc = serviceChain(service, 'svc');
    const rule = `-d ${ip}/32 -p ${protocol} -m comment --comment "${name} cluster IP" -m ${protocol} --dport ${port} -j KUBE-MARK-MASQ`;
    return mode === 'iptables'
      ? restore(node.name, { nat: [`-D ${svc} ! -s ${POD_NETWORKS[4]} ${rule}`, `-I ${svc} 1 ${rule}`] })
      : {
          namespace: node.name,
          command: ['nft', '-f', '-'],
          input: `flush chain ip kube-proxy services
table ip kube-proxy {
	chain services {
		ip daddr @cluster-ips meta mark set meta mark | 0x00004000 comment "masquerade all clusterIP traffic"
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}
}
`,
        };
  });

/** What the bridge plugin with ipMasq keeps for one pod, by a hash of network and container. */
export const BRIDGE_CHAIN = 'CNI-4c2f1b77a0d3e95b1a8e6d20';

/**
 * Network plugins in place of the lab's own rule for what leaves the pods' network: on node-a flannel, and the bridge
 * plugin for the pod 10.0.1.11; on node-b ip-masq-agent, or Calico with nftables.
 */
export function networkPlugins(mode: Mode): Program[] {
  const [nodeA, nodeB] = NODES;
  const pods = POD_NETWORKS[4];
  const own =
    `-D POSTROUTING -s ${pods} ! -d 10.0.0.0/8 -m comment --comment "k8-lab CNI: SNAT for outbound traffic from cluster" ` +
    '-m addrtype ! --dst-type LOCAL -j MASQUERADE';
  const flannel = '-m comment --comment "flanneld masq"';
  const bridge = '-m comment --comment "name: \\"cbr0\\" id: \\"5f1c\\""';
  const agent = '-m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE"';
  return [
    restore(nodeA.name, {
      nat: [
        ':FLANNEL-POSTRTG - [0:0]',
        `:${BRIDGE_CHAIN} - [0:0]`,
        own,
        `-A POSTROUTING -s 10.0.1.11/32 ${bridge} -j ${BRIDGE_CHAIN}`,
        `-A ${BRIDGE_CHAIN} -d 10.0.0.0/8 ${bridge} -j ACCEPT`,
        `-A ${BRIDGE_CHAIN} ! -d 224.0.0.0/4 ${bridge} -j MASQUERADE`,
        `-A POSTROUTING ${flannel} -j FLANNEL-POSTRTG`,
        `-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${flannel} -j RETURN`,
        `-A FLANNEL-POSTRTG -s 10.0.1.0/24 -d ${pods} ${flannel} -j RETURN`,
        `-A FLANNEL-POSTRTG -s ${pods} -d 10.0.1.0/24 ${flannel} -j RETURN`,
        `-A FLANNEL-POSTRTG ! -s ${pods} -d 10.0.1.0/24 ${flannel} -j RETURN`,
        `-A FLANNEL-POSTRTG -s ${pods} ! -d 224.0.0.0/4 ${flannel} -j MASQUERADE --random-fully`,
        `-A FLANNEL-POSTRTG ! -s ${pods} -d ${pods} ${flannel} -j MASQUERADE --random-fully`,
      ],
    }),
    restore(nodeB.name, {
      nat:
        mode === 'nftables'
          ? [own]
          : [
              ':IP-MASQ - [0:0]',
              own,
              '-A POSTROUTING -m addrtype ! --dst-type LOCAL -j IP-MASQ',
              `-A IP-MASQ -d 169.254.0.0/16 ${agent} -j RETURN`,
              `-A IP-MASQ -d 10.0.0.0/8 ${agent} -j RETURN`,
              '-A IP-MASQ -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE" -j MASQUERADE --random-fully',
            ],
    }),
    ...(mode === 'iptables'
      ? []
      : [
          {
            namespace: nodeB.name,
            command: ['nft', '-f', '-'] as const,
            input: `table ip calico {
	set cali40masq-ipam-pools { type ipv4_addr; flags interval; elements = { ${pods} } }
	set cali40all-ipam-pools { type ipv4_addr; flags interval; elements = { ${pods} } }
	chain nat-POSTROUTING {
		type nat hook postrouting priority srcnat - 10; policy accept;
		jump nat-cali-POSTROUTING
	}
	chain nat-cali-POSTROUTING {
		jump nat-cali-nat-outgoing
	}
	chain nat-cali-nat-outgoing {
		ip saddr @cali40masq-ipam-pools ip daddr != @cali40all-ipam-pools ip daddr != 10.0.0.0/8 masquerade fully-random
	}
}
`,
          },
        ]),
  ];
}

/** A load balancer of the translating kind: \`lb\` sends its port on to a node port, from its own address. */
export const LB_PORT = 8003;
export const translatingLoadBalancer = (node: ClusterNode, nodePort: number): Program[] => [
  { namespace: 'lb', command: ['sysctl', '-qw', 'net.ipv4.ip_forward=1'], input: '' },
  restore('lb', {
    nat: [
      `-A PREROUTING -d ${LB_IP}/32 -p tcp -m tcp --dport ${LB_PORT} -j DNAT --to-destination ${node.ip}:${nodePort}`,
      `-A POSTROUTING -d ${node.ip}/32 -p tcp -m tcp --dport ${nodePort} -j MASQUERADE`,
    ],
  }),
];

/** The network outside sends what is for a ClusterIP to a node. */
export const routedClusterIp = ({ ip }: Service, node: ClusterNode): Program[] => [
  { namespace: 'fabric', command: ['ip', 'route', 'add', `${ip}/32`, 'via', node.ip], input: '' },
];

const isIpv6 = ([first = '']: readonly string[]): boolean => first.startsWith('[');

/** By the pods' addresses, in which the node's number stands. */
const isOn = (endpoint: string, { index }: ClusterNode): boolean =>
  endpoint.startsWith(`10.0.${index}.`) || endpoint.startsWith(`[fd00:10:0:${index}::`);

type Tables = Readonly<Partial<Record<'nat' | 'filter', readonly string[]>>>;

function restore(namespace: string, tables: Tables, isV6 = false): Program {
  const input = Object.entries(tables)
    .filter(([, lines]) => lines.length > 0)
    .map(([table, lines]) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
  return { namespace, command: [isV6 ? 'ip6tables-restore' : 'iptables-restore', '--noflush'], input };
}
