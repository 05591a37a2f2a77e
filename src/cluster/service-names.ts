import { isLoopback } from '../events/address.ts';
import type { NetnsId } from '../events/event.ts';
import type { Protocol } from '../events/tuple.ts';
import type { Neighbourhood } from './neighbourhood.ts';
import type { NamespaceRules } from './rules/namespace-rules.ts';
import type { IsLocal } from './rules/packet.ts';

interface NodeRules {
  readonly netns: NetnsId;
  readonly rules: NamespaceRules;
  readonly isLocal: IsLocal;
}

interface ServiceName {
  readonly name?: string;
  readonly portName?: string;
}

const KNOWN_LIMIT = 10_000;

/** Which Service an address and port stand for, by the rules of the nodes nearest to the one who asks. */
export class ServiceNames {
  readonly #nodes: readonly NodeRules[];
  readonly #known = new Map<string, ReadonlyMap<NetnsId, ServiceName>>();

  constructor(nodes: readonly NodeRules[]) {
    this.#nodes = nodes;
  }

  get inCluster(): boolean {
    return this.#nodes.length > 0;
  }

  at(
    from: NetnsId,
    ip: string,
    port: number,
    protocol: Protocol,
    neighbourhood: Neighbourhood,
  ): ServiceName | undefined {
    const answers = this.#answers(from, ip, port, protocol);
    const [first, ...others] = neighbourhood
      .nearest(from, [...answers.keys()])
      .map((node) => answers.get(node));
    // Two clusters that give the same address to different Services: it is one, but which is not known.
    return others.every((other) => other?.name === first?.name && other?.portName === first?.portName)
      ? first
      : {};
  }

  /** What each node's rules say; the same few addresses and ports are asked for again and again. */
  #answers(from: NetnsId, ip: string, port: number, protocol: Protocol): ReadonlyMap<NetnsId, ServiceName> {
    const key = `${protocol} ${port} ${ip} ${isLoopback(ip) ? from : ''}`;
    const known = this.#known.get(key);
    if (known) return known;
    const answers = new Map<NetnsId, ServiceName>();
    for (const { netns, rules, isLocal } of this.#nodes) {
      if (netns !== from && isLoopback(ip)) continue;
      const service = rules.serviceAt(ip, port, protocol, isLocal);
      if (!service) continue;
      const { name, portName } = service;
      answers.set(netns, {
        ...(name !== undefined && { name }),
        ...(portName !== undefined && { portName }),
      });
    }
    if (this.#known.size >= KNOWN_LIMIT) this.#known.clear();
    this.#known.set(key, answers);
    return answers;
  }
}
