/**
 * Every address, port and name on a request's way, before and after each rewrite: what filters look at.
 */
import type { Endpoint, Hop, Http, Request } from '../request.ts';

export interface Way {
  /** Addresses the client had, from its own to the one the last server saw, and those that a head names as its. */
  readonly sources: ReadonlySet<string>;
  /** Addresses asked, from the one dialled to the server's. */
  readonly destinations: ReadonlySet<string>;
  readonly ports: ReadonlySet<number>;
}

export function wayOf(request: Request): Way {
  const sources = new Set<string>();
  const destinations = new Set<string>();
  const ports = new Set<number>();
  const take = (ips: Set<string>, end: { ip: string; port?: number | undefined } | undefined): void => {
    if (end === undefined) return;
    ips.add(end.ip);
    if (end.port !== undefined) ports.add(end.port);
  };
  for (const { client, dialled, server, sourceSeenByServer } of [request, ...(request.legs ?? [])]) {
    take(sources, client);
    take(sources, sourceSeenByServer);
    take(destinations, dialled);
    take(destinations, server);
  }
  for (const { values } of request.clientIp.carriers) {
    for (const value of values) sources.add(splitEndpoint(value).ip);
  }
  const takeHop = (hop: Hop, from: Set<string>, to: Set<string>): void => {
    for (const ends of [hop.before, hop.after]) {
      if (ends === undefined) continue;
      take(from, splitEndpoint(ends.src));
      take(to, splitEndpoint(ends.dst));
    }
  };
  for (const hop of request.hops) takeHop(hop, sources, destinations);
  for (const hop of request.replyHops) takeHop(hop, destinations, sources);
  return { sources, destinations, ports };
}

/** The inverse of formatEndpoint: `10.0.0.1:80`, `[::1]:80`, or an address alone. */
export function splitEndpoint(text: string): { ip: string; port?: number } {
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    return { ip: text.slice(1, close), port: Number(text.slice(close + 2)) };
  }
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return { ip: text };
  return { ip: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

export function endpointsOf(request: Request): Endpoint[] {
  return [request, ...(request.legs ?? [])]
    .flatMap(({ client, dialled, server, sourceSeenByServer }) => [
      client,
      dialled,
      server,
      sourceSeenByServer,
    ])
    .filter((endpoint) => endpoint !== undefined);
}

/** The exchange on each leg: a proxy may have rewritten path and host. */
export function exchangesOf(request: Request): Http[] {
  return [request, ...(request.legs ?? [])].map(({ http }) => http).filter((http) => http !== undefined);
}

export const hopsOf = (request: Request): Hop[] => [...request.hops, ...request.replyHops];

/** `namespace/name` of each pod on the way. */
export function podsOf(request: Request): Set<string> {
  return new Set([
    ...endpointsOf(request).flatMap((e) => (e.kind === 'pod' && e.name !== undefined ? [e.name] : [])),
    // A node's own namespace has the node's name.
    ...hopsOf(request).flatMap(({ netns, node }) => (netns?.name === node ? [] : (netns?.name ?? []))),
  ]);
}

/** `namespace/name` of each Service, with `:port` where it is known. */
export function servicesOf(request: Request): Set<string> {
  return new Set([
    ...endpointsOf(request).flatMap((e) => (e.kind === 'service' && e.name !== undefined ? [e.name] : [])),
    ...hopsOf(request).flatMap((hop) => hop.rule?.service ?? []),
  ]);
}

export function nodesOf(request: Request): Set<string> {
  return new Set([
    ...endpointsOf(request).flatMap((e) => [...(e.node === undefined ? [] : [e.node]), ...nameOfNode(e)]),
    ...hopsOf(request).flatMap((hop) => hop.node ?? []),
  ]);
}

const nameOfNode = (endpoint: Endpoint): string[] =>
  endpoint.kind === 'node' && endpoint.name !== undefined ? [endpoint.name] : [];
