/** What kube-proxy's rules alone tell of Services: their addresses and ports, where they lead, and by which policy. */
import type { Protocol } from '../../events/tuple.ts';
import type { Chain, ParsedRule, Table, Verdict } from './model.ts';
import { mapsOf } from './nft-services.ts';
import type { Place } from './place.ts';
import { doorsInChains, servicePort } from './service-ports.ts';
import type { ServiceName } from './service.ts';
import { placeOf } from './targets.ts';

/** An address and port by which a Service is reached, and the chain that takes what comes. */
export interface Door {
  readonly service: ServiceName;
  readonly kind: 'cluster-ip' | 'external' | 'load-balancer' | 'node-port';
  /** Absent for a node port. */
  readonly ip?: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly table: Table;
  /** Absent where it is refused for want of endpoints. */
  readonly chain?: Chain;
  /** It is dropped here, since none of its endpoints is on this node. */
  readonly noneHere: boolean;
}

export interface RuleEndpoint extends Place {
  readonly portName?: string;
  readonly protocol: Protocol;
}

export interface RuleService {
  /** `namespace/name`. */
  readonly name: string;
  readonly clusterIPs: readonly string[];
  /** With nftables those of load balancers too: its maps do not tell them apart. */
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  readonly ports: readonly {
    readonly name?: string;
    readonly protocol: Protocol;
    readonly port: number;
    readonly nodePort?: number;
  }[];
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly internalTrafficPolicy?: 'Cluster' | 'Local';
  readonly sessionAffinity?: 'ClientIP' | 'None';
  readonly sourceRanges: readonly string[];
  readonly endpoints: readonly RuleEndpoint[];
}

/** By `namespace/name`. */
export function servicesIn(tables: readonly Table[]): ReadonlyMap<string, RuleService> {
  const doors = new Map<string, Door[]>();
  for (const table of tables) {
    for (const door of table.name === 'kube-proxy' ? mapsOf(table).doors() : doorsInChains(table)) {
      const { name = door.service } = servicePort(door.service, 'cluster-ip');
      const known = doors.get(name);
      if (known) known.push(door);
      else doors.set(name, [door]);
    }
  }
  return new Map([...doors].map(([name, all]) => [name, serviceBehind(name, all)]));
}

function serviceBehind(name: string, doors: readonly Door[]): RuleService {
  const external = externalPolicy(doors);
  const internal = internalPolicy(doors);
  const loadBalancerIPs = addresses(doors, 'load-balancer');
  const chains = doors.flatMap(({ table, chain }) => (chain ? [...reached(table, chain)] : []));
  return {
    name,
    clusterIPs: addresses(doors, 'cluster-ip'),
    // Where they refuse, rules do not say which kind of outer address it is.
    externalIPs: addresses(doors, 'external').filter((ip) => !loadBalancerIPs.includes(ip)),
    loadBalancerIPs,
    ports: portsOf(doors),
    ...(external !== undefined && { externalTrafficPolicy: external }),
    ...(internal !== undefined && { internalTrafficPolicy: internal }),
    ...(chains.length > 0 && { sessionAffinity: chains.some(remembers) ? 'ClientIP' : 'None' }),
    sourceRanges: distinct(doors.flatMap(rangesAt)),
    endpoints: endpointsOf(doors),
  };
}

const addresses = (doors: readonly Door[], kind: Door['kind']): string[] =>
  distinct(doors.flatMap((door) => (door.kind === kind && door.ip !== undefined ? [door.ip] : [])));

function portsOf(doors: readonly Door[]): RuleService['ports'] {
  const ports = new Map<string, RuleService['ports'][number]>();
  for (const { service, kind, port, protocol } of doors) {
    if (kind === 'node-port') continue;
    const { portName } = servicePort(service, 'cluster-ip');
    const nodePort = doors.find(
      (door) => door.kind === 'node-port' && door.service === service && door.protocol === protocol,
    )?.port;
    ports.set(`${protocol} ${port}`, {
      ...(portName !== undefined && { name: portName }),
      protocol,
      port,
      ...(nodePort !== undefined && { nodePort }),
    });
  }
  return [...ports.values()];
}

/** What comes from outside is hidden behind the node whoever sent it: Cluster. With Local only what the node sends is. */
function externalPolicy(doors: readonly Door[]): 'Cluster' | 'Local' | undefined {
  const outer = doors.filter(({ kind }) => kind !== 'cluster-ip');
  if (outer.some(({ noneHere }) => noneHere)) return 'Local';
  for (const { table, chain } of outer) {
    for (const one of chain ? reached(table, chain) : []) {
      if (isExternalChain(one.name))
        return one.rules.some((rule) => marksAll(table, rule)) ? 'Cluster' : 'Local';
    }
  }
  return undefined;
}

function internalPolicy(doors: readonly Door[]): 'Cluster' | 'Local' | undefined {
  const inner = doors.filter(({ kind }) => kind === 'cluster-ip');
  if (inner.some(({ noneHere, chain }) => noneHere || (chain && isLocalChain(chain.name)))) return 'Local';
  return inner.some(({ chain }) => chain) ? 'Cluster' : undefined;
}

function marksAll(table: Table, { steps }: ParsedRule): boolean {
  if (steps.some(({ kind }) => kind === 'match')) return false;
  return steps.some(
    (step) =>
      step.kind === 'mark' ||
      (step.kind === 'verdict' &&
        step.verdict.kind === 'jump' &&
        table.chains.get(step.verdict.chain)?.onlyMarks === true),
  );
}

/** KUBE-XLB before Kubernetes 1.24. */
const isExternalChain = (name: string): boolean => /^(?:KUBE-(?:EXT|XLB)-|external-)/.test(name);
const isLocalChain = (name: string): boolean => /^(?:KUBE-SVL-|local-)/.test(name);

/** Session affinity: `recent` matches, or sets of sources that packets fill. */
const remembers = ({ rules }: Chain): boolean =>
  rules.some(({ text }) => text.includes('--rcheck') || text.includes('@affinity-'));

/** Sources that the chain of a load balancer's address lets pass. */
function rangesAt({ table, chain }: Door): string[] {
  const firewalls = chain ? [...reached(table, chain)].filter(({ name }) => isFirewall(name)) : [];
  return firewalls.flatMap(({ rules }) =>
    rules.flatMap(({ text }) => {
      const source = /(?:^| )(?:-s|saddr !=) (\{[^}]*\}|\S+)/.exec(text)?.[1] ?? '';
      return source.match(/[0-9a-fA-F.:]+\/\d+/g) ?? [];
    }),
  );
}

const isFirewall = (name: string): boolean => /^(?:KUBE-FW-|firewall-)/.test(name);

function endpointsOf(doors: readonly Door[]): RuleEndpoint[] {
  const endpoints = new Map<string, RuleEndpoint>();
  for (const { service, protocol, table, chain } of doors) {
    if (!chain) continue;
    const { portName } = servicePort(service, 'cluster-ip');
    for (const { ip, port } of [...reached(table, chain)].flatMap(placesIn)) {
      endpoints.set(`${protocol} ${ip} ${port} ${portName ?? ''}`, {
        ip,
        port,
        protocol,
        ...(portName !== undefined && { portName }),
      });
    }
  }
  return [...endpoints.values()];
}

/** Service, its external side, its local endpoints, each endpoint: no chain of a Service is further down. */
const DEPTH = 4;

function reached(table: Table, first: Chain): Set<Chain> {
  const chains = new Set([first]);
  let frontier: Chain[] = [first];
  for (let depth = 0; depth < DEPTH; depth++) {
    const next = frontier
      .flatMap(({ rules }) => rules.flatMap(leadingTo))
      .flatMap((name) => table.chains.get(name) ?? [])
      .filter((chain) => !chains.has(chain));
    for (const chain of next) chains.add(chain);
    frontier = next;
  }
  return chains;
}

const leadingTo = ({ steps }: ParsedRule): string[] =>
  steps.flatMap((step) => {
    if (step.kind === 'verdict') return chainOf(step.verdict);
    return step.kind === 'verdict-map' ? step.map.all.flatMap(({ value }) => chainOf(value)) : [];
  });

const chainOf = (verdict: Verdict): string[] => ('chain' in verdict ? [verdict.chain] : []);

/** Where a chain's own DNAT rules lead. */
const placesIn = ({ rules }: Chain): Place[] =>
  rules.flatMap(({ steps }) =>
    steps.flatMap((step) => {
      if (step.kind !== 'verdict' || step.verdict.kind !== 'dnat') return [];
      const { to } = step.verdict;
      const targets =
        to.kind === 'one' ? [to.target] : to.kind === 'map' ? to.map.all.map(({ value }) => value) : [];
      return targets.flatMap((target) => placeOf(target) ?? []);
    }),
  );

const distinct = (values: readonly string[]): string[] => [...new Set(values)];
