/** Which Service an address stands for, and which ports of the node are Services: read off kube-proxy's own rules. */
import type { Protocol } from '../../events/tuple.ts';
import type { ParsedRule, Table, Verdict } from './model.ts';
import type { IpSets } from './ipset.ts';
import { IPVS_TABLE, virtualServerName } from './ipvs.ts';
import { mapsOf, type Maps } from './nft-services.ts';
import type { Door } from './service-facts.ts';
import { serviceInText, type NodePort, type ServiceName } from './service.ts';

export interface ServicePort {
  /** `namespace/name`; absent for a virtual server of IPVS, which has none. */
  readonly name?: string;
  /** Absent where the Service's only port has no name. */
  readonly portName?: string;
  readonly kind: 'cluster-ip' | 'external' | 'node-port';
}

export interface Dialled {
  readonly ip: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly isLocal: boolean;
}

/** @param sets in which kube-proxy keeps the addresses that IPVS serves, by kind */
export function serviceIn(tables: readonly Table[], sets: IpSets, dialled: Dialled): ServicePort | undefined {
  for (const table of tables) {
    if (table.name === IPVS_TABLE) {
      const server = virtualServer(table, sets, dialled);
      if (server) return server;
      continue;
    }
    const maps = table.name === 'kube-proxy' ? mapsOf(table) : undefined;
    const found = maps ? serviceInMaps(maps, dialled) : serviceInChains(table, dialled);
    if (found) return found;
  }
  return undefined;
}

export function nodePortsIn(tables: readonly Table[]): NodePort[] {
  const found = new Map<string, NodePort>();
  for (const table of tables) {
    const maps = table.name === 'kube-proxy' ? mapsOf(table) : undefined;
    for (const nodePort of maps ? maps.nodePorts() : nodePortsInChains(table)) {
      found.set(`${nodePort.protocol} ${nodePort.port} ${nodePort.service}`, nodePort);
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

export function servicePort(service: ServiceName, kind: ServicePort['kind']): ServicePort {
  const colon = service.lastIndexOf(':');
  return colon < 0
    ? { name: service, kind }
    : { name: service.slice(0, colon), portName: service.slice(colon + 1), kind };
}

function serviceInMaps(maps: Maps, { ip, port, protocol, isLocal }: Dialled): ServicePort | undefined {
  const service = maps.service(ip, port, protocol);
  if (service) return servicePort(service.name, service.kind);
  const nodePort = maps.isNodePortIp(ip, isLocal) ? maps.nodePort(port, protocol) : undefined;
  return nodePort === undefined ? undefined : servicePort(nodePort, 'node-port');
}

function virtualServer({ chains, family }: Table, sets: IpSets, dialled: Dialled): ServicePort | undefined {
  const { ip, port, protocol } = dialled;
  if (!chains.has(virtualServerName(ip, port, protocol))) return undefined;
  const prefix = family === 'ip6' ? 'KUBE-6-' : 'KUBE-';
  const isIn = (name: string): boolean => sets.has(`${prefix}${name}`, `${ip},${protocol}:${port}`);
  if (isIn('CLUSTER-IP')) return { kind: 'cluster-ip' };
  if (isIn('EXTERNAL-IP') || isIn('EXTERNAL-IP-LOCAL') || isIn('LOAD-BALANCER')) return { kind: 'external' };
  const name = `${prefix}NODE-PORT-${protocol.toUpperCase()}`;
  return { kind: sets.has(name, String(port)) || isIn('NODE-PORT-SCTP-HASH') ? 'node-port' : 'cluster-ip' };
}

/** Services with endpoints stand in the nat table's chains, those without in the filter table's. */
const BY_ADDRESS = ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES'];
const BY_PORT = ['KUBE-NODEPORTS', 'KUBE-EXTERNAL-SERVICES'];

function serviceInChains(table: Table, dialled: Dialled): ServicePort | undefined {
  for (const name of BY_ADDRESS) {
    const rule = find(table, name, dialled, (asked) => asked.ip === dialled.ip);
    const service = serviceInText(rule?.comment ?? '');
    if (rule && service !== undefined) return servicePort(service, kindOf(name, rule));
  }
  if (!dialled.isLocal) return undefined;
  for (const name of BY_PORT) {
    const rule = find(table, name, dialled, isNodePortRule);
    const service = serviceInText(rule?.comment ?? '');
    if (service !== undefined) return servicePort(service, 'node-port');
  }
  return undefined;
}

function kindOf(chain: string, { comment = '' }: ParsedRule): ServicePort['kind'] {
  return chain === 'KUBE-EXTERNAL-SERVICES' || / (?:external|loadbalancer) IP$/.test(comment)
    ? 'external'
    : 'cluster-ip';
}

function find(
  { chains }: Table,
  name: string,
  { ip, port, protocol }: Dialled,
  accepts: (asked: Asked) => boolean,
): ParsedRule | undefined {
  const chain = chains.get(name);
  if (!chain) return undefined;
  for (const index of chain.candidates(ip, port, undefined) ?? chain.rules.keys()) {
    const rule = chain.rules[index];
    const asked = rule && askedBy(rule);
    if (asked?.port === port && asked.protocol === protocol && accepts(asked)) return rule;
  }
  return undefined;
}

function nodePortsInChains({ chains }: Table): NodePort[] {
  return BY_PORT.flatMap((name) => chains.get(name)?.rules ?? []).flatMap((rule) => {
    const asked = askedBy(rule);
    const service = serviceInText(rule.comment ?? '');
    const { port, protocol } = asked;
    return service !== undefined && port !== undefined && protocol !== undefined && isNodePortRule(asked)
      ? [{ service, port, protocol }]
      : [];
  });
}

/** Every address and port by which the chains of iptables take what is for a Service. */
export function doorsInChains(table: Table): Door[] {
  return [...new Set([...BY_ADDRESS, ...BY_PORT])].flatMap((name) =>
    (table.chains.get(name)?.rules ?? []).flatMap((rule) => {
      const { ip, port, protocol, accepts } = askedBy(rule);
      const service = serviceInText(rule.comment ?? '');
      if (service === undefined || port === undefined || protocol === undefined || accepts) return [];
      const target = rule.steps.flatMap((step) => (step.kind === 'verdict' ? targetOf(step.verdict) : []))[0];
      const chain = target === undefined ? undefined : table.chains.get(target);
      return [
        {
          service,
          kind: ip === undefined ? ('node-port' as const) : doorKind(name, rule),
          ...(ip !== undefined && { ip }),
          port,
          protocol,
          table,
          ...(chain && { chain }),
          noneHere: (rule.comment ?? '').endsWith(' has no local endpoints'),
        },
      ];
    }),
  );
}

const targetOf = (verdict: Verdict): string[] => ('chain' in verdict ? [verdict.chain] : []);

const doorKind = (chain: string, rule: ParsedRule): Door['kind'] =>
  (rule.comment ?? '').endsWith(' loadbalancer IP') ? 'load-balancer' : kindOf(chain, rule);

interface Asked {
  readonly ip: string | undefined;
  readonly port: number | undefined;
  readonly protocol: Protocol | undefined;
  /** It goes on to a Service, or refuses; health check ports are accepted. */
  readonly accepts: boolean;
}

const isNodePortRule = ({ ip, accepts }: Asked): boolean => ip === undefined && !accepts;

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

function askedBy({ steps }: ParsedRule): Asked {
  let ip: string | undefined;
  let port: number | undefined;
  let protocol: Protocol | undefined;
  let accepts = false;
  for (const step of steps) {
    if (step.kind === 'verdict') accepts = step.verdict.kind === 'accept';
    if (step.kind !== 'match' || step.match.negated) continue;
    const { match } = step;
    if (match.kind === 'address' && match.side === 'dst') ip = match.exact;
    else if (match.kind === 'port' && match.side === 'dst') port = match.ranges[0]?.[0];
    else if (match.kind === 'protocol') protocol = PROTOCOLS.find((known) => known === match.protocol);
  }
  return { ip, port, protocol, accepts };
}
