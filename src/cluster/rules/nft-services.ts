import type { Protocol } from '../../events/tuple.ts';
import type { Elements } from './elements.ts';
import type { Table, Verdict } from './model.ts';
import type { Door } from './service-facts.ts';
import { serviceInChain, serviceInText, type NodePort, type ServiceName } from './service.ts';

export interface ServiceAddress {
  readonly name: ServiceName;
  readonly kind: 'cluster-ip' | 'external';
}

/** kube-proxy's maps and sets in nftables mode, as far as they name Services. */
export interface Maps {
  service(ip: string, port: number, protocol: Protocol): ServiceAddress | undefined;
  nodePort(port: number, protocol: Protocol): ServiceName | undefined;
  nodePorts(): NodePort[];
  /** Every address and port by which the maps take what is for a Service. */
  doors(): Door[];
  isNodePortIp(ip: string, isLocal: boolean): boolean;
}

export function mapsOf(table: Table): Maps {
  const { verdicts, sets } = named(table);
  const byAddress = ['service-ips', 'no-endpoint-services'].flatMap((name) => verdicts.get(name) ?? []);
  const firewalls = ['firewall-ips'].flatMap((name) => verdicts.get(name) ?? []);
  const byPort = ['service-nodeports', 'no-endpoint-nodeports'].flatMap((name) => verdicts.get(name) ?? []);
  return {
    service: (ip, port, protocol) => {
      const found = findIn(table, byAddress, [ip, protocol, String(port)]);
      return (
        found && { name: found.name, kind: isExternal(found.verdict, ip, sets) ? 'external' : 'cluster-ip' }
      );
    },
    nodePort: (port, protocol) => findIn(table, byPort, [protocol, String(port)])?.name,
    nodePorts: () => byPort.flatMap((map) => allIn(table, map)),
    doors: () => [
      ...byAddress.flatMap((map) => doorsIn(table, map, (verdict, ip) => isExternal(verdict, ip, sets))),
      ...firewalls.flatMap((map) => doorsIn(table, map, () => true)),
      ...byPort.flatMap((map) => doorsIn(table, map, () => true)),
    ],
    // Only these addresses accept node ports; without the set, all of the node's do.
    isNodePortIp: (ip, isLocal) => {
      const ips = sets.get('nodeport-ips');
      return ips ? ips.find([ip]) !== undefined : isLocal;
    },
  };
}

/** Maps and sets are named by the rules that ask them. */
function named({ chains }: Table): {
  verdicts: ReadonlyMap<string, Elements<Verdict>>;
  sets: ReadonlyMap<string, Elements<true>>;
} {
  const verdicts = new Map<string, Elements<Verdict>>();
  const sets = new Map<string, Elements<true>>();
  for (const name of [
    'services',
    'service-endpoints-check',
    'nodeport-endpoints-check',
    'firewall-check',
    'cluster-ips-check',
  ]) {
    for (const { steps } of chains.get(name)?.rules ?? []) {
      for (const step of steps) {
        if (step.kind === 'verdict-map' && step.name !== undefined) verdicts.set(step.name, step.map);
        if (step.kind === 'match' && step.match.kind === 'elements' && step.match.name !== undefined) {
          sets.set(step.match.name, step.match.elements);
        }
      }
    }
  }
  return { verdicts, sets };
}

function isExternal(verdict: Verdict, ip: string, sets: ReadonlyMap<string, Elements<true>>): boolean {
  if ('chain' in verdict && verdict.chain.startsWith('external-')) return true;
  const clusterIps = sets.get('cluster-ips');
  return clusterIps !== undefined && clusterIps.find([ip]) === undefined;
}

function findIn(
  table: Table,
  maps: readonly Elements<Verdict>[],
  key: readonly string[],
): { readonly name: ServiceName; readonly verdict: Verdict } | undefined {
  for (const map of maps) {
    const element = map.find(key);
    if (!element) continue;
    const name = serviceOfElement(table, element);
    if (name !== undefined) return { name, verdict: element.value };
  }
  return undefined;
}

function serviceOfElement(
  table: Table,
  { comment, value }: { readonly comment?: string; readonly value: Verdict },
): ServiceName | undefined {
  if (comment !== undefined) return serviceInText(comment);
  return 'chain' in value ? serviceInChain(table, { name: value.chain }) : undefined;
}

function doorsIn(
  table: Table,
  map: Elements<Verdict>,
  isOuter: (verdict: Verdict, ip: string) => boolean,
): Door[] {
  return map.all.flatMap((element) => {
    const [first, second, third] = element.key;
    const [ip, written, port] = third === undefined ? [undefined, first, second] : [first, second, third];
    const protocol = PROTOCOLS.find((known) => known === written);
    const service = serviceOfElement(table, element);
    if (!protocol || service === undefined || typeof port !== 'string') return [];
    const { value } = element;
    const address = typeof ip === 'string' ? ip : undefined;
    const chain = 'chain' in value ? table.chains.get(value.chain) : undefined;
    const isDoor = chain !== undefined && chain.name !== 'reject-chain';
    return [
      {
        service,
        // The maps do not say whether an outer address is a load balancer's.
        kind:
          address === undefined
            ? ('node-port' as const)
            : isOuter(value, address)
              ? 'external'
              : 'cluster-ip',
        ...(address !== undefined && { ip: address }),
        port: Number(port),
        protocol,
        table,
        ...(isDoor && { chain }),
        noneHere: value.kind === 'drop',
      },
    ];
  });
}

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

function allIn(table: Table, map: Elements<Verdict>): NodePort[] {
  return map.all.flatMap((element) => {
    const [written, port] = element.key;
    const protocol = PROTOCOLS.find((known) => known === written);
    const service = serviceOfElement(table, element);
    return protocol && service !== undefined && typeof port === 'string'
      ? [{ service, port: Number(port), protocol }]
      : [];
  });
}
