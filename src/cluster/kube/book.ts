import type { KubeIngress, KubePod, KubeService, KubeSlice } from '../../events/kube.ts';
import type {
  ClusterBook,
  EndpointFacts,
  IngressFacts,
  NodeFacts,
  PodFacts,
  ServiceFacts,
} from '../../trace/knowledge.ts';
import { nameOf, type ClusterObjects } from './objects.ts';

/** What the API told of a cluster, as it stood at one time; what it did not tell (it may be forbidden) the machine does. */
export class ApiBook implements ClusterBook {
  readonly #objects: ClusterObjects;
  readonly #at: number;
  readonly #machine: ClusterBook;
  readonly #slicesRead: boolean;
  readonly api: ClusterBook['api'];
  readonly note?: string;

  constructor(objects: ClusterObjects, at: number, machine: ClusterBook) {
    const said = objects.stateAt(at);
    this.#objects = objects;
    this.#at = at;
    this.#machine = machine;
    this.api = said?.state ?? 'none';
    this.#slicesRead = said?.unread.includes('slice') !== true;
    if (said !== undefined && said.text !== '') this.note = said.text;
  }

  service(name: string): ServiceFacts | undefined {
    const service = this.#objects.serviceNamed(name, this.#at);
    return service ? this.#facts(service) : this.#machine.service(name);
  }

  services(): readonly ServiceFacts[] {
    const services = this.#objects.services(this.#at);
    return services.length > 0 ? services.map((service) => this.#facts(service)) : this.#machine.services();
  }

  node(name: string): NodeFacts | undefined {
    const node = this.#objects.nodeNamed(name, this.#at);
    return node ? nodeFacts(node) : this.#machine.node(name);
  }

  nodes(): readonly NodeFacts[] {
    const nodes = this.#objects.nodes(this.#at);
    return nodes.length > 0 ? nodes.map(nodeFacts) : this.#machine.nodes();
  }

  pod(name: string): PodFacts | undefined {
    const pod = this.#objects.podNamed(name, this.#at);
    return pod ? podFacts(pod) : this.#machine.pod(name);
  }

  ingresses(service: string): readonly IngressFacts[] {
    return this.#objects.ingressesTo(service, this.#at).flatMap((ingress) => ingressFacts(ingress, service));
  }

  #facts(service: KubeService): ServiceFacts {
    const name = nameOf(service);
    const endpoints = this.#slicesRead
      ? this.#objects.slicesOf(name, this.#at).flatMap(endpointFacts)
      : (this.#machine.service(name)?.endpoints ?? []);
    return { ...serviceFacts(service), endpoints };
  }
}

function serviceFacts(service: KubeService): Omit<ServiceFacts, 'endpoints'> {
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort } = service;
  return {
    from: 'api',
    name: nameOf(service),
    type: service.type,
    clusterIPs: service.clusterIPs,
    externalIPs: service.externalIPs,
    loadBalancerIPs: [...service.loadBalancerIPs, ...service.loadBalancerProxyIPs],
    ports: service.ports,
    ...(externalTrafficPolicy !== undefined && { externalTrafficPolicy }),
    ...(internalTrafficPolicy !== undefined && { internalTrafficPolicy }),
    sessionAffinity: service.sessionAffinity,
    sourceRanges: service.loadBalancerSourceRanges,
    ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
    hasSelector: service.hasSelector,
  };
}

function endpointFacts({ endpoints, ports }: KubeSlice): EndpointFacts[] {
  return endpoints.flatMap(({ addresses, ready, serving, terminating, node, pod }) => {
    // All addresses of one endpoint are the same Pod's, and kube-proxy uses the first.
    const [ip] = addresses;
    if (ip === undefined) return [];
    return ports.flatMap(({ name, protocol, port }) =>
      port === undefined
        ? []
        : [
            {
              ip,
              port,
              protocol,
              ...(name !== undefined && { portName: name }),
              ...(pod !== undefined && { pod }),
              ...(node !== undefined && { node }),
              ready,
              serving,
              terminating,
            },
          ],
    );
  });
}

function podFacts(pod: KubePod): PodFacts {
  return {
    from: 'api',
    name: nameOf(pod),
    uid: pod.uid,
    ...(pod.node !== undefined && { node: pod.node }),
    ips: pod.podIPs,
    hostNetwork: pod.hostNetwork,
    phase: pod.phase,
    ready: pod.ready,
    containers: pod.containers.map(({ name, ports }) => ({ name, ports })),
  };
}

const nodeFacts = (node: {
  name: string;
  addresses: readonly string[];
  podCIDRs: readonly string[];
  ready: boolean;
}): NodeFacts => ({
  from: 'api',
  name: node.name,
  addresses: node.addresses,
  podCIDRs: node.podCIDRs,
  ready: node.ready,
});

function ingressFacts(ingress: KubeIngress, service: string): IngressFacts[] {
  const { className, tlsHosts, namespace } = ingress;
  return ingress.paths.flatMap((way) =>
    `${namespace}/${way.service}` === service
      ? [
          {
            from: 'api' as const,
            name: nameOf(ingress),
            ...(className !== undefined && { className }),
            ...(way.host !== undefined && { host: way.host }),
            ...(way.path !== undefined && { path: way.path }),
            ...(way.port !== undefined && { port: way.port }),
            tls: way.host !== undefined && tlsHosts.includes(way.host),
          },
        ]
      : [],
  );
}
