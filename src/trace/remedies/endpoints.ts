/** Where the endpoints of one port of a Service are, as far as it is known. */
import { formatEndpoint } from '../../events/tuple.ts';
import type { Tuple } from '../../events/tuple.ts';
import type { EndpointFacts, ServiceFacts } from '../knowledge.ts';

export interface Placed {
  /** Those that kube-proxy sends to from any node. */
  readonly all: readonly EndpointFacts[];
  /** Those that it sends to on their own node, by its name and in the order of names. */
  readonly byNode: ReadonlyMap<string, readonly EndpointFacts[]>;
  /** Of which the node is not known. */
  readonly unplaced: readonly EndpointFacts[];
}

/**
 * @param servicePort `namespace/name:port`
 * @param tuple of a connection to it: its protocol and address family are those of the endpoints
 */
export function placedEndpoints(
  { endpoints }: ServiceFacts,
  servicePort: string | undefined,
  { protocol, src }: Tuple,
): Placed {
  const portName = servicePort?.split(':')[1];
  const isV6 = src.includes(':');
  const own = endpoints.filter(
    (one) => one.protocol === protocol && one.portName === portName && one.ip.includes(':') === isV6,
  );
  const nodes = [...new Set(own.flatMap(({ node }) => node ?? []))].sort();
  const onNode = nodes.map((node) => [node, usable(own.filter((one) => one.node === node))] as const);
  return {
    all: usable(own),
    byNode: new Map(onNode.filter(([, found]) => found.length > 0)),
    unplaced: usable(own.filter(({ node }) => node === undefined)),
  };
}

/** As kube-proxy takes them (CategorizeEndpoints): the ready ones, or else those that still serve while they end. */
function usable(endpoints: readonly EndpointFacts[]): readonly EndpointFacts[] {
  const ready = endpoints.filter((one) => one.ready);
  return ready.length > 0 ? ready : endpoints.filter((one) => one.serving && one.terminating);
}

export const addressOf = ({ ip, port }: EndpointFacts): string => formatEndpoint(ip, port);

/** `node-a (10.0.1.11:8080)`; many are counted. */
export function nodeWords([node, endpoints]: readonly [string, readonly EndpointFacts[]]): string {
  const [first, ...more] = endpoints;
  if (first === undefined) return node;
  return `${node} (${more.length < 3 ? endpoints.map(addressOf).join(', ') : `${String(endpoints.length)} endpoints`})`;
}

const MOST = 6;

/** `a, b and c`; beyond a handful the rest is counted. */
export function listed(words: readonly string[], before: 'and' | 'or' = 'and'): string {
  const shown =
    words.length > MOST ? [...words.slice(0, MOST - 1), `${String(words.length - MOST + 1)} others`] : words;
  const last = shown.at(-1) ?? '';
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(', ')} ${before} ${last}`;
}
