/**
 * kube-proxy's IPVS mode on the lab's nodes: the same Services, written as its ipvs proxier keeps them
 * (pkg/proxy/ipvs/proxier.go): virtual servers, the device that has their addresses, the sets that its few rules ask.
 * IPv4. It needs the modules ip_vs and ip_set, which not every kernel has.
 */
import { existsSync } from 'node:fs';
import type { Program } from './network.ts';
import { LabError, run, runIn } from './run.ts';
import {
  A_SERVICE,
  API,
  B_SERVICE,
  DNS,
  EXTERNAL_IP,
  INGRESS,
  INGRESS_LOCAL,
  INTERNAL_LOCAL,
  LOCAL,
  NO_PODS,
  NOT_READY,
  RANGES,
  STICKY,
  TEST,
  type Service,
} from './scenarios/kube.ts';
import { NODE_A, NODE_B, type ClusterNode } from './topology.ts';

interface Served {
  readonly service: Service;
  readonly endpoints: readonly string[];
  /** Addresses that a load balancer announces, and externalIPs. */
  readonly announced?: string;
  readonly externalIp?: string;
  /** externalTrafficPolicy, internalTrafficPolicy: only endpoints of the node itself. */
  readonly external?: 'Local';
  readonly internal?: 'Local';
  /** loadBalancerSourceRanges. */
  readonly from?: string;
}

const BOTH = ['10.0.1.11:8080', '10.0.2.11:8080'];

export const SERVED: readonly Served[] = [
  { service: API, endpoints: ['10.100.0.10:6443'] },
  { service: DNS, endpoints: ['10.0.2.53:53'] },
  { service: TEST, endpoints: BOTH },
  { service: LOCAL, endpoints: BOTH, external: 'Local' },
  { service: INTERNAL_LOCAL, endpoints: BOTH, internal: 'Local' },
  { service: STICKY, endpoints: BOTH },
  { service: EXTERNAL_IP, endpoints: BOTH, externalIp: '192.0.2.80' },
  { service: RANGES, endpoints: BOTH, announced: '203.0.113.12', from: '198.51.100.64/26' },
  { service: INGRESS, endpoints: ['10.0.2.20:80'], announced: '203.0.113.10' },
  { service: INGRESS_LOCAL, endpoints: ['10.0.2.20:80'], announced: '203.0.113.11', external: 'Local' },
  { service: A_SERVICE, endpoints: ['10.0.1.21:8080'] },
  { service: B_SERVICE, endpoints: ['10.0.2.22:8080'] },
  { service: NO_PODS, endpoints: [] },
  { service: NOT_READY, endpoints: [] },
];

/** Turns the nodes of a lab that stands to IPVS mode; going down takes it away with all else. */
export async function turnToIpvs(prefix: string): Promise<void> {
  await requireIpvs();
  for (const node of [NODE_A, NODE_B]) {
    for (const { namespace, command, input } of ipvsPrograms(node)) {
      await runIn(prefix + namespace, command, { input });
    }
  }
}

async function requireIpvs(): Promise<void> {
  if (!existsSync('/proc/net/ip_vs')) await run('modprobe', ['ip_vs']).catch(() => undefined);
  if (existsSync('/proc/net/ip_vs')) return;
  throw new LabError('this kernel has no IPVS', 'Boot one that has the module ip_vs: scripts/vm does.');
}

/** In the order in which a node needs them: rules name sets. */
export function ipvsPrograms(node: ClusterNode): Program[] {
  const program = (command: Program['command'], input: string): Program => ({
    namespace: node.name,
    command,
    input,
  });
  const addresses = [...new Set(SERVED.flatMap(addressesOf))];
  return [
    program(['ipset', 'restore'], sets(node)),
    program(['iptables-restore'], RULES),
    program(
      ['ip', '-batch', '-'],
      [
        'link add kube-ipvs0 type dummy',
        ...addresses.map((ip) => `address add ${ip}/32 dev kube-ipvs0`),
        '',
      ].join('\n'),
    ),
    // It has connections tracked, which netfilter needs to masquerade them (NewProxier sets these).
    program(['sysctl', '-qw', 'net.ipv4.vs.conntrack=1', 'net.ipv4.vs.expire_nodest_conn=1'], ''),
    program(['ipvsadm', '--restore'], virtualServers(node)),
  ];
}

const addressesOf = ({ service, announced, externalIp }: Served): string[] =>
  [service.ip, announced, externalIp].filter((ip) => ip !== undefined);

const isOn = (node: ClusterNode, endpoint: string): boolean => endpoint.startsWith(`10.0.${node.index}.`);

function virtualServers(node: ClusterNode): string {
  return SERVED.flatMap((served) => {
    const { service, endpoints, announced, externalIp, external, internal } = served;
    const here = endpoints.filter((endpoint) => isOn(node, endpoint));
    const inside = internal === 'Local' ? here : endpoints;
    const outside = external === 'Local' ? here : endpoints;
    return [
      ...virtualServer(service, service.ip, service.port, inside),
      ...[announced, externalIp].flatMap((ip) =>
        ip === undefined ? [] : virtualServer(service, ip, service.port, outside),
      ),
      ...(service.nodePort === 0 ? [] : virtualServer(service, node.ip, service.nodePort, outside)),
    ];
  })
    .map((line) => `${line}\n`)
    .join('');
}

function virtualServer(service: Service, ip: string, port: number, endpoints: readonly string[]): string[] {
  const at = `${service.protocol === 'udp' ? '-u' : '-t'} ${ip}:${port}`;
  const sticky = service.affinity === true ? ' -p 10800' : '';
  return [`-A ${at} -s rr${sticky}`, ...endpoints.map((endpoint) => `-a ${at} -r ${endpoint} -m -w 1`)];
}

function sets(node: ClusterNode): string {
  const of = (element: (served: Served) => string | undefined): string[] =>
    SERVED.flatMap((served) => element(served) ?? []);
  const at = (ip: string | undefined, { service }: Served): string | undefined =>
    ip === undefined ? undefined : `${ip},${service.protocol}:${service.port}`;
  const port = (protocol: Service['protocol'], external: boolean) => (served: Served) => {
    const { service } = served;
    const fits = service.nodePort !== 0 && service.protocol === protocol;
    return fits && (!external || served.external === 'Local') ? String(service.nodePort) : undefined;
  };
  const pods = SERVED.flatMap(({ service, endpoints }) =>
    endpoints
      .filter((endpoint) => isOn(node, endpoint))
      .map((endpoint) => {
        const [ip = '', own = ''] = endpoint.split(':');
        return `${ip},${service.protocol}:${own},${ip}`;
      }),
  );
  return [
    set('KUBE-LOOP-BACK', 'hash:ip,port,ip', pods),
    set(
      'KUBE-CLUSTER-IP',
      'hash:ip,port',
      of((served) => at(served.service.ip, served)),
    ),
    set(
      'KUBE-EXTERNAL-IP',
      'hash:ip,port',
      of((served) => at(served.externalIp, served)),
    ),
    set('KUBE-EXTERNAL-IP-LOCAL', 'hash:ip,port', []),
    set(
      'KUBE-LOAD-BALANCER',
      'hash:ip,port',
      of((served) => at(served.announced, served)),
    ),
    set(
      'KUBE-LOAD-BALANCER-LOCAL',
      'hash:ip,port',
      of((served) => (served.external === 'Local' ? at(served.announced, served) : undefined)),
    ),
    set(
      'KUBE-LOAD-BALANCER-FW',
      'hash:ip,port',
      of((served) => (served.from === undefined ? undefined : at(served.announced, served))),
    ),
    set(
      'KUBE-LOAD-BALANCER-SOURCE-CIDR',
      'hash:ip,port,net',
      of((served) =>
        served.from === undefined ? undefined : `${at(served.announced, served) ?? ''},${served.from}`,
      ),
    ),
    set('KUBE-NODE-PORT-TCP', 'bitmap:port', of(port('tcp', false))),
    set('KUBE-NODE-PORT-LOCAL-TCP', 'bitmap:port', of(port('tcp', true))),
    set('KUBE-NODE-PORT-UDP', 'bitmap:port', of(port('udp', false))),
    set('KUBE-HEALTH-CHECK-NODE-PORT', 'bitmap:port', []),
    set('KUBE-IPVS-IPS', 'hash:ip', [...new Set(SERVED.flatMap(addressesOf))]),
  ].join('');
}

function set(name: string, type: string, elements: readonly string[]): string {
  const how = type === 'bitmap:port' ? 'range 0-65535' : 'family inet';
  return [`create ${name} ${type} ${how}`, ...new Set(elements)]
    .map((line, index) => (index === 0 ? `${line}\n` : `add ${name} ${line}\n`))
    .join('');
}

const comment = (text: string): string => `-m comment --comment "${text}"`;
const inSet = (name: string, sides: string): string => `-m set --match-set ${name} ${sides}`;

/** Of nat and filter, all that stands in them: what kube-proxy and the network plugin keep there. */
const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-LOAD-BALANCER - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING ${comment('kubernetes service portals')} -j KUBE-SERVICES
-A OUTPUT ${comment('kubernetes service portals')} -j KUBE-SERVICES
-A POSTROUTING ${comment('kubernetes postrouting rules')} -j KUBE-POSTROUTING
-A POSTROUTING -s 10.0.0.0/16 ! -d 10.0.0.0/8 ${comment('k8-lab CNI: SNAT for outbound traffic from cluster')} -m addrtype ! --dst-type LOCAL -j MASQUERADE
-A KUBE-LOAD-BALANCER ${comment('Kubernetes service load balancer ip + port with externalTrafficPolicy=local')} ${inSet('KUBE-LOAD-BALANCER-LOCAL', 'dst,dst')} -j RETURN
-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODE-PORT -p tcp ${comment('Kubernetes nodeport TCP port with externalTrafficPolicy=local')} ${inSet('KUBE-NODE-PORT-LOCAL-TCP', 'dst')} -j RETURN
-A KUBE-NODE-PORT -p tcp ${comment('Kubernetes nodeport TCP port for masquerade purpose')} ${inSet('KUBE-NODE-PORT-TCP', 'dst')} -j KUBE-MARK-MASQ
-A KUBE-NODE-PORT -p udp ${comment('Kubernetes nodeport UDP port for masquerade purpose')} ${inSet('KUBE-NODE-PORT-UDP', 'dst')} -j KUBE-MARK-MASQ
-A KUBE-POSTROUTING ${comment('Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose')} ${inSet('KUBE-LOOP-BACK', 'dst,dst,src')} -j MASQUERADE
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING ${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully
-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN
-A KUBE-SERVICES ${comment('Kubernetes service lb portal')} ${inSet('KUBE-LOAD-BALANCER', 'dst,dst')} -j KUBE-LOAD-BALANCER
-A KUBE-SERVICES ! -s 10.0.0.0/16 ${comment('Kubernetes service cluster ip + port for masquerade purpose')} ${inSet('KUBE-CLUSTER-IP', 'dst,dst')} -j KUBE-MARK-MASQ
-A KUBE-SERVICES ${comment('Kubernetes service external ip + port for masquerade and filter purpose')} ${inSet('KUBE-EXTERNAL-IP', 'dst,dst')} -j KUBE-MARK-MASQ
-A KUBE-SERVICES ${comment('Kubernetes service external ip + port for masquerade and filter purpose')} ${inSet('KUBE-EXTERNAL-IP', 'dst,dst')} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT
-A KUBE-SERVICES ${comment('Kubernetes service external ip + port for masquerade and filter purpose')} ${inSet('KUBE-EXTERNAL-IP', 'dst,dst')} -m addrtype --dst-type LOCAL -j ACCEPT
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
-A KUBE-SERVICES ${inSet('KUBE-CLUSTER-IP', 'dst,dst')} -j ACCEPT
-A KUBE-SERVICES ${inSet('KUBE-LOAD-BALANCER', 'dst,dst')} -j ACCEPT
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-IPVS-FILTER - [0:0]
:KUBE-IPVS-OUT-FILTER - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-SOURCE-RANGES-FIREWALL - [0:0]
-A INPUT ${comment('kubernetes ipvs access filter')} -j KUBE-IPVS-FILTER
-A INPUT ${comment('kube-proxy firewall rules')} -j KUBE-PROXY-FIREWALL
-A INPUT ${comment('kubernetes health check rules')} -j KUBE-NODE-PORT
-A FORWARD ${comment('kube-proxy firewall rules')} -j KUBE-PROXY-FIREWALL
-A FORWARD ${comment('kubernetes forwarding rules')} -j KUBE-FORWARD
-A OUTPUT ${comment('kubernetes ipvs access filter')} -j KUBE-IPVS-OUT-FILTER
-A KUBE-FORWARD ${comment('kubernetes forwarding rules')} -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD ${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-IPVS-FILTER ${inSet('KUBE-LOAD-BALANCER', 'dst,dst')} -j RETURN
-A KUBE-IPVS-FILTER ${inSet('KUBE-CLUSTER-IP', 'dst,dst')} -j RETURN
-A KUBE-IPVS-FILTER ${inSet('KUBE-EXTERNAL-IP', 'dst,dst')} -j RETURN
-A KUBE-IPVS-FILTER ${inSet('KUBE-EXTERNAL-IP-LOCAL', 'dst,dst')} -j RETURN
-A KUBE-IPVS-FILTER ${inSet('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN
-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW ${inSet('KUBE-IPVS-IPS', 'dst')} -j REJECT --reject-with icmp-port-unreachable
-A KUBE-NODE-PORT ${comment('Kubernetes health check node port')} ${inSet('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT
-A KUBE-PROXY-FIREWALL ${comment('Kubernetes service load balancer ip + port for load balancer with sourceRange')} ${inSet('KUBE-LOAD-BALANCER-FW', 'dst,dst')} -j KUBE-SOURCE-RANGES-FIREWALL
-A KUBE-SOURCE-RANGES-FIREWALL ${comment('Kubernetes service load balancer ip + port + source cidr for packet filter purpose')} ${inSet('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src')} -j RETURN
-A KUBE-SOURCE-RANGES-FIREWALL -j DROP
COMMIT
`;
