/** Whether an address that led nowhere is a Service's, or would be one: rules in iptables mode say nothing of it. */
import type { FailureDetail } from '../request.ts';
import type { Scene } from './scene.ts';

export interface Astray {
  readonly detail: FailureDetail;
  readonly words: string;
  readonly next: string;
}

/** So many Services of one range make it known. */
const ENOUGH = 3;

export function astray({ connection, knowledge }: Scene): Astray | undefined {
  const { dst, dport, protocol } = connection.client;
  const services = connection.entries
    .map(({ netns }) => knowledge.cluster(netns, connection.firstAt))
    .concat(knowledge.cluster(connection.origin, connection.firstAt))
    .flatMap((book) => book?.services() ?? []);
  const owner = services.find(({ clusterIPs }) => clusterIPs.includes(dst));
  if (owner !== undefined) {
    const known = owner.ports.filter((one) => one.protocol === protocol);
    if (known.some(({ port }) => port === dport)) return undefined;
    const ports = known.map(({ port, name }) => `${String(port)}${name === undefined ? '' : ` (${name})`}`);
    return {
      detail: 'unknown-port',
      words: `${dst} is Service ${owner.name}, which has no port ${String(dport)}, so no rule took it`,
      next:
        ports.length === 0
          ? `Add the port to ${owner.name}.`
          : `Dial a port that ${owner.name} has: ${ports.join(', ')}; or add this one to it.`,
    };
  }
  const [first, second] = dst.split('.');
  const alike = new Set(
    services.flatMap(({ clusterIPs }) =>
      clusterIPs.filter((ip) => ip.startsWith(`${first ?? ''}.${second ?? ''}.`)),
    ),
  );
  if (dst.includes(':') || alike.size < ENOUGH) return undefined;
  return {
    detail: 'unassigned-cluster-ip',
    words: `${dst} lies among the ClusterIPs and no Service has it, so no rule took it`,
    next: `See which Service is meant (\`kubectl get services -A\`): this address was one of a Service that is gone, or is mistyped.`,
  };
}
