import type { NetnsEvent } from '../../events/event.ts';
import type {
  ClusterBook,
  EndpointFacts,
  IngressFacts,
  NodeFacts,
  PodFacts,
  ServiceFacts,
} from '../../trace/knowledge.ts';
import type { RuleEndpoint, RuleService } from '../rules/service-facts.ts';
import type { Named } from './names.ts';

export interface MachineFacts {
  /** Of the nodes nearest to the one who asks, by `namespace/name`. */
  readonly rules: readonly ReadonlyMap<string, RuleService>[];
  readonly namespaces: Iterable<NetnsEvent>;
  readonly who: (ip: string) => Named | undefined;
  /** Why the API tells nothing. */
  readonly note: string;
}

/** What a cluster is known for without its API: by kube-proxy's rules, and by the namespaces of these machines. */
export class MachineBook implements ClusterBook {
  readonly #facts: MachineFacts;
  readonly api = 'none';
  readonly note?: string;

  constructor(facts: MachineFacts) {
    this.#facts = facts;
    if (facts.note !== '') this.note = facts.note;
  }

  service(name: string): ServiceFacts | undefined {
    const found = this.#facts.rules.flatMap((services) => services.get(name) ?? []);
    const [first] = found;
    if (first === undefined) return undefined;
    // A node leads to its own endpoints alone where the policy is Local.
    const endpoints = new Map<string, RuleEndpoint>();
    for (const endpoint of found.flatMap((service) => service.endpoints)) {
      const { protocol, ip, port, portName = '' } = endpoint;
      endpoints.set(`${protocol} ${ip} ${port} ${portName}`, endpoint);
    }
    const ports = first.ports.flatMap(({ protocol, ...port }) =>
      protocol === 'icmp' ? [] : [{ ...port, protocol }],
    );
    return {
      ...first,
      from: 'rules',
      ports,
      endpoints: [...endpoints.values()].flatMap((endpoint) => this.#endpoint(endpoint)),
    };
  }

  services(): readonly ServiceFacts[] {
    const names = new Set(this.#facts.rules.flatMap((services) => [...services.keys()]));
    return [...names].flatMap((name) => this.service(name) ?? []);
  }

  node(name: string): NodeFacts | undefined {
    return this.nodes().find((node) => node.name === name);
  }

  nodes(): readonly NodeFacts[] {
    return [...this.#facts.namespaces].flatMap((namespace) =>
      namespace.role === 'node'
        ? [
            {
              from: 'machine' as const,
              name: namespace.node ?? namespace.name,
              addresses: addressesOf(namespace),
              podCIDRs: [],
            },
          ]
        : [],
    );
  }

  pod(name: string): PodFacts | undefined {
    for (const namespace of this.#facts.namespaces) {
      const { role, node, podUid } = namespace;
      if (role !== 'pod' || namespace.name !== name) continue;
      return {
        from: 'machine',
        name,
        ...(podUid !== undefined && { uid: podUid }),
        ...(node !== undefined && { node }),
        ips: addressesOf(namespace),
        containers: [],
      };
    }
    return undefined;
  }

  ingresses(): readonly IngressFacts[] {
    return [];
  }

  #endpoint({ protocol, ...endpoint }: RuleEndpoint): EndpointFacts[] {
    if (protocol === 'icmp') return [];
    const { kind, name, node } = this.#facts.who(endpoint.ip) ?? {};
    return [
      {
        ...endpoint,
        protocol,
        ...(kind === 'pod' && name !== undefined && { pod: name }),
        ...(node !== undefined && { node }),
        ready: true,
        serving: true,
        terminating: false,
      },
    ];
  }
}

const addressesOf = ({ links }: NetnsEvent): string[] =>
  links
    .filter(({ ifindex }) => ifindex !== LOOPBACK)
    .flatMap(({ addresses }) => addresses.map((prefix) => prefix.split('/', 1)[0] ?? ''));

/** In every namespace (loopback_net_init). */
const LOOPBACK = 1;
