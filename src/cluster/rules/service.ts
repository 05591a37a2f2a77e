import type { Protocol } from '../../events/tuple.ts';
import type { Found, Trail } from './journey.ts';
import type { Chain, Table } from './model.ts';

/** A Service port by name, as kube-proxy writes it: `namespace/name:port`, or without port where it has no name. */
export type ServiceName = string;

/** A port of the node that stands for a Service port. */
export interface NodePort {
  service: ServiceName;
  port: number;
  protocol: Protocol;
}

/** The Service that a rule serves, from what kube-proxy wrote into the rules and chains on the way to it. */
export function serviceOf({ table, chain, rule, comment, trail }: Found): ServiceName | undefined {
  const named =
    serviceInComment(chain, comment) ??
    serviceInComment(chain, rule?.comment) ??
    serviceInChain(table, chain);
  if (named !== undefined) return named;
  // Above 1,000 endpoints only the outer rules have comments.
  for (let at: Trail | undefined = trail; at; at = at.outer) {
    const outer =
      serviceInComment(at.chain, at.comment) ??
      serviceInComment(at.chain, at.rule.comment) ??
      serviceInChain(table, at.chain);
    if (outer !== undefined) return outer;
  }
  return undefined;
}

const COMMENT =
  /^(?:(?:masquerade|masquerade LOCAL|route LOCAL|pod) traffic for |other traffic to |Balancing rule \d+ for )?([^\s/:"]+\/[^\s/:"]+(?::[^\s/:"]+)?)(?= |$)/;

/** kube-proxy's comments begin with or tell of a Service port; those of others may hold a slash too. */
function serviceInComment(chain: Chain, comment: string | undefined): ServiceName | undefined {
  return comment !== undefined && isKubeProxyChain(chain.name) ? serviceInText(comment) : undefined;
}

export const serviceInText = (comment: string): ServiceName | undefined => COMMENT.exec(comment)?.[1];

const NFT_CHAINS: ReadonlySet<string> = new Set([
  'service-endpoints-check',
  'nodeport-endpoints-check',
  'firewall-check',
  'reject-chain',
  'services',
]);

const isKubeProxyChain = (name: string): boolean => name.startsWith('KUBE-') || NFT_CHAINS.has(name);

/** `service-2QRHZV4L-default/kubernetes/tcp/https`, with `__10.0.0.1/6443` for an endpoint. */
const NFT_CHAIN =
  /^(?:service|local|external|endpoint|firewall)-[A-Z2-7]{8}-([^/]+)\/([^/]+)\/(?:tcp|udp|sctp)\/([^/]*?)(?:__.*)?$/;

export function serviceInChain(table: Table, { name }: { readonly name: string }): ServiceName | undefined {
  // A name too long for a chain is cut, and ends in dots.
  if (table.name !== 'kube-proxy' || name.endsWith('...')) return undefined;
  const [, namespace, service, port] = NFT_CHAIN.exec(name) ?? [];
  return namespace === undefined || service === undefined
    ? undefined
    : `${namespace}/${service}${port ? `:${port}` : ''}`;
}
