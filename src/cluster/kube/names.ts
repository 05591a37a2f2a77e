/** What the objects of a cluster call an address and port. */
import type { KubePod, KubeProtocol, KubeService } from '../../events/kube.ts';
import type { Endpoint } from '../../trace/request.ts';
import type { View } from './clusters.ts';
import { nameOf, type ClusterObjects } from './objects.ts';

/** All but address and port. */
export type Named = Omit<Endpoint, 'ip' | 'port'>;

/** The Service that is asked at this address; `exact` where it has the port. */
export function serviceNamed(
  { objects, inside }: View,
  ip: string,
  port: number,
  protocol: KubeProtocol | 'icmp',
  at: number,
): { exact: boolean; named: Named } | undefined {
  const services = objects.servicesAt(ip, at).filter((service) => inside || isForOthers(service, ip));
  for (const service of services) {
    const asked = service.ports.find((one) => one.port === port && one.protocol === protocol);
    if (asked !== undefined) return { exact: true, named: serviceWords(objects, service, asked.name, at) };
  }
  if (protocol !== 'icmp' && objects.nodeAt(ip, at) !== undefined) {
    const service = objects.serviceByNodePort(protocol, port, at);
    const asked = service?.ports.find((one) => one.nodePort === port && one.protocol === protocol);
    if (service !== undefined) return { exact: true, named: serviceWords(objects, service, asked?.name, at) };
  }
  const [service] = services;
  return service && { exact: false, named: serviceWords(objects, service, undefined, at) };
}

/** A ClusterIP means something in the cluster alone. */
const isForOthers = ({ clusterIPs }: KubeService, ip: string): boolean => !clusterIPs.includes(ip);

function serviceWords(
  objects: ClusterObjects,
  service: KubeService,
  portName: string | undefined,
  at: number,
): Named {
  return {
    kind: 'service',
    name: nameOf(service),
    ...(portName !== undefined && { portName }),
    ...staleness(objects, at),
  };
}

/** Whoever of the cluster has the address; from outside its network the nodes alone. */
export function ownerNamed({ objects, inside }: View, ip: string, at: number): Named | undefined {
  const node = objects.nodeAt(ip, at);
  if (node !== undefined) {
    return { kind: 'node', name: node.name, node: node.name, ...staleness(objects, at) };
  }
  if (!inside) return undefined;
  const pod = objects.podAt(ip, at);
  if (pod !== undefined && pod !== 'ambiguous') return podWords(objects, pod, at);
  const owner = objects.ranges().nodeOf(ip);
  if (pod === 'ambiguous') return { kind: 'pod', ...(owner !== undefined && { node: owner }) };
  return owner === undefined ? undefined : { kind: 'unknown', node: owner };
}

/** @param container its id, where it is known */
export function podWords(objects: ClusterObjects, pod: KubePod, at: number, container?: string): Named {
  const [only, ...others] = pod.containers;
  const inIt =
    container === undefined ? others.length === 0 && only : pod.containers.find(({ id }) => id === container);
  return {
    kind: 'pod',
    name: nameOf(pod),
    ...(pod.node !== undefined && { node: pod.node }),
    ...(inIt && { container: inIt.name }),
    ...staleness(objects, at),
  };
}

const staleness = (objects: ClusterObjects, at: number): { stale?: true } =>
  objects.stateAt(at)?.state === 'away' ? { stale: true } : {};
