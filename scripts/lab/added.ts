/** Services that the dumps lack, written as kube-proxy writes them. */
import type { Program } from './network.ts';
import {
  A_SERVICE,
  B_SERVICE,
  DNS_DOWN,
  INGRESS_TLS,
  MESHED,
  nftChain,
  SCTP,
  sepChain,
  serviceChain,
  type Service,
} from './scenarios/kube.ts';
import { POD_NETWORKS, type ClusterNode, type Mode } from './topology.ts';

/** Each with its one endpoint. */
const ADDED: readonly (readonly [Service, endpoint: string])[] = [
  [SCTP, '10.0.2.11:9999'],
  [A_SERVICE, '10.0.1.21:8080'],
  [B_SERVICE, '10.0.2.22:8080'],
  [MESHED, '10.0.1.31:8080'],
  [INGRESS_TLS, '10.0.2.20:443'],
  [DNS_DOWN, '10.0.2.77:53'],
];

export const addedRules = (mode: Mode, node: ClusterNode): Program =>
  mode === 'iptables'
    ? {
        namespace: node.name,
        command: ['iptables-restore', '--noflush'],
        input: `*nat\n${ADDED.map((one) => iptables(...one)).join('')}COMMIT\n`,
      }
    : {
        namespace: node.name,
        command: ['nft', '-f', '-'],
        input: ADDED.map((one) => nft(...one, node)).join(''),
      };

function iptables(service: Service, endpoint: string): string {
  const { name, protocol, ip, port, nodePort } = service;
  const [svc, ext, sep] = [
    serviceChain(service, 'svc'),
    serviceChain(service, 'ext'),
    sepChain(service, endpoint),
  ];
  const comment = (text: string): string => `-m comment --comment "${text}"`;
  const toPort = (number: number): string => `-m ${protocol} --dport ${number}`;
  const toCluster = `-d ${ip}/32 -p ${protocol} ${comment(`${name} cluster IP`)} ${toPort(port)}`;
  const external = `:${ext} - [0:0]
-A KUBE-NODEPORTS -p ${protocol} ${comment(name)} ${toPort(nodePort)} -j ${ext}
-A ${ext} ${comment(`masquerade traffic for ${name} external destinations`)} -j KUBE-MARK-MASQ
-A ${ext} -j ${svc}
`;
  return `:${svc} - [0:0]
:${sep} - [0:0]
-I KUBE-SERVICES 1 ${toCluster} -j ${svc}
${nodePort === 0 ? '' : external}-A ${svc} ! -s ${POD_NETWORKS[4]} ${toCluster} -j KUBE-MARK-MASQ
-A ${svc} ${comment(`${name} -> ${endpoint}`)} -j ${sep}
-A ${sep} -s ${endpoint.split(':')[0]}/32 ${comment(name)} -j KUBE-MARK-MASQ
-A ${sep} -p ${protocol} ${comment(name)} -m ${protocol} -j DNAT --to-destination ${endpoint}
`;
}

function nft(service: Service, endpoint: string, node: ClusterNode): string {
  const { protocol, ip, port, nodePort } = service;
  const [svc, ext] = [nftChain(service, 'service'), nftChain(service, 'external')];
  const [podIp, podPort] = endpoint.split(':');
  const isHere = podIp?.startsWith(`10.0.${node.index}.`);
  const hairpin = `add element ip kube-proxy hairpin-connections { ${podIp} . ${podIp} . ${protocol} . ${podPort} }\n`;
  const external = `table ip kube-proxy {
	chain ${ext} {
		meta mark set meta mark | 0x00004000 comment "masquerade"
		goto ${svc}
	}
}
add element ip kube-proxy service-nodeports { ${protocol} . ${nodePort} : goto ${ext} }
`;
  return `table ip kube-proxy {
	chain ${svc} {
		meta l4proto ${protocol} dnat ip to numgen random mod 1 map { 0 : ${podIp} . ${podPort} }
	}
}
add element ip kube-proxy cluster-ips { ${ip} }
add element ip kube-proxy service-ips { ${ip} . ${protocol} . ${port} : goto ${svc} }
${nodePort === 0 ? '' : external}${isHere ? hairpin : ''}`;
}
