/**
 * The Services of the dumps, and the chains kube-proxy makes for them: their names are hashes that anyone can
 * compute (servicePortChainName in pkg/proxy/iptables and servicePortChainNameBase in pkg/proxy/nftables).
 */
import { createHash } from 'node:crypto';
import type { Protocol } from '../../../src/events/tuple.ts';
import type { Hook } from '../../../src/trace/request.ts';
import type { Mode } from '../topology.ts';
import type { ExpectedRewrite, ExpectedRule } from './scenario.ts';

export interface Service {
  readonly name: string;
  readonly protocol: Protocol;
  readonly ip: string;
  readonly port: number;
  readonly nodePort: number;
  readonly affinity?: boolean;
}

const service = (
  name: string,
  ip: string,
  port: number,
  nodePort: number,
  protocol: Protocol = 'tcp',
): Service => ({
  name,
  protocol,
  ip,
  port,
  nodePort,
});

export const TEST = service('default/service-test:http', '10.3.241.152', 80, 32213);
export const LOCAL = service('default/service-test-local:http', '10.3.241.153', 80, 32003);
export const INTERNAL_LOCAL = service('default/service-test-itp-local:http', '10.3.241.154', 80, 0);
export const STICKY: Service = {
  ...service('default/service-test-sticky:http', '10.3.241.155', 80, 32002),
  affinity: true,
};
export const EXTERNAL_IP = service('default/service-test-extip:http', '10.3.241.156', 80, 0);
export const DUAL = service('default/service-test-dual:http', '10.3.241.157', 80, 32006);
export const RANGES = service('default/service-test-ranges:http', '10.3.241.158', 80, 32007);
export const INGRESS = service('default/ingress-nginx:http', '10.3.242.10', 80, 30080);
export const INGRESS_LOCAL = service('default/ingress-nginx-local:http', '10.3.242.11', 80, 30082);
export const API = service('default/kubernetes:https', '10.3.240.1', 443, 0);
export const DNS = service('kube-system/kube-dns:dns', '10.3.240.10', 53, 0, 'udp');
export const DNS_EXTERNAL = service('kube-system/dns-external:dns', '10.3.240.11', 53, 30053, 'udp');
export const INGRESS_PROXY = service('default/ingress-nginx-proxyproto:http', '10.3.242.12', 80, 30081);
/** From here on not in the dumps: see added.ts. */
export const SCTP = service('default/sctp-test:sctp', '10.3.241.160', 9999, 32009, 'sctp');
export const A_SERVICE = service('default/a-service:http', '10.3.241.161', 80, 0);
export const B_SERVICE = service('default/b-service:http', '10.3.241.162', 80, 0);
export const MESHED = service('default/meshed:http', '10.3.241.163', 80, 0);
export const INGRESS_TLS = service('default/ingress-nginx-tls:https', '10.3.242.13', 443, 30443);
/** Its only endpoint is switched off, and still listed. */
export const DNS_DOWN = service('kube-system/dns-down:dns', '10.3.240.13', 53, 0, 'udp');
export const NO_PODS = service('default/no-pods:http', '10.3.243.1', 80, 32001);
export const NOT_READY = service('default/not-ready:http', '10.3.243.2', 80, 0);

/** Kinds of chains a packet passes for a Service, in order. The last one holds or leads to the endpoint's rule. */
export type Stage = 'fw' | 'ext' | 'svc' | 'svl';

export interface DnatPath {
  readonly node: string;
  readonly hook: 'PREROUTING' | 'OUTPUT';
  readonly service: Service;
  readonly endpoint: string;
  readonly stages: readonly Stage[];
  readonly nodePort?: boolean;
}

export function dnat({ node, hook, service, endpoint, stages, nodePort = false }: DnatPath): ExpectedRewrite {
  const chains = stages.map((stage) => serviceChain(service, stage));
  const nft = stages.flatMap((stage) => NFT_STAGE[stage] ?? []).map((kind) => nftChain(service, kind));
  if (service.affinity) nft.push(nftEndpoint(service, endpoint));
  return {
    node,
    kind: 'dnat',
    hook,
    to: endpoint,
    service: service.name,
    rule: {
      iptables: {
        chain: sepChain(service, endpoint),
        via: [hook, 'KUBE-SERVICES', ...(nodePort ? ['KUBE-NODEPORTS'] : []), ...chains],
      },
      nftables: {
        chain: nft.at(-1) ?? '',
        via: [hook === 'OUTPUT' ? 'nat-output' : 'nat-prerouting', 'services', ...nft.slice(0, -1)],
      },
    },
  };
}

/** kube-proxy's own masquerade. The port is any: --random-fully. */
export const masquerade = (node: string, to: string): ExpectedRewrite => ({
  node,
  kind: 'masquerade',
  hook: 'POSTROUTING',
  to,
  rule: {
    iptables: { chain: 'KUBE-POSTROUTING', via: ['POSTROUTING'] },
    nftables: { chain: 'masquerading', via: ['nat-postrouting'] },
  },
});

/** A rule that kube-proxy did not write: the same in both modes. */
export const foreign = (
  node: string,
  kind: ExpectedRewrite['kind'],
  hook: Hook,
  to: string,
  ...chains: readonly [...string[], string]
): ExpectedRewrite => {
  const rule: ExpectedRule = { chain: chains.at(-1) ?? '', via: chains.slice(0, -1) };
  return { node, kind, hook, to, rule: { iptables: rule, nftables: rule } };
};

export const serviceChain = (service: Service, stage: Stage): string =>
  `KUBE-${stage.toUpperCase()}-${hash(service.name + service.protocol, 16)}`;

export const sepChain = (service: Service, endpoint: string): string =>
  `KUBE-SEP-${hash(service.name + service.protocol + endpoint, 16)}`;

export const nftAffinitySet = (service: Service, endpoint: string): string =>
  nftEndpoint(service, endpoint).replace(/^endpoint-/, 'affinity-');

export const perMode = <T>(iptables: T, nftables: T): Readonly<Record<Mode, T>> => ({ iptables, nftables });

type NftKind = 'external' | 'service' | 'local';

const NFT_STAGE: Readonly<Record<Stage, NftKind | undefined>> = {
  fw: undefined, // source ranges are checked in a filter chain of its own
  ext: 'external',
  svc: 'service',
  svl: 'local',
};

export function nftChain(service: Service, kind: NftKind): string {
  const name = nftName(service);
  return `${kind}-${hash(name, 8)}-${name}`;
}

function nftEndpoint(service: Service, endpoint: string): string {
  const name = `${nftName(service)}__${endpoint.replace(':', '/')}`;
  return `endpoint-${hash(name, 8)}-${name}`;
}

const nftName = ({ name, protocol }: Service): string => name.replace(':', `/${protocol}/`);

function hash(text: string, length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const digest = createHash('sha256').update(text).digest();
  let bits = '';
  for (const byte of digest) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{5}/g) ?? [])
    .slice(0, length)
    .map((five) => alphabet[Number.parseInt(five, 2)])
    .join('');
}
