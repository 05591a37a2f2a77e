/** The legs of a request and what stands between them, for whatever tells of it. */
import type { Endpoint, Hop, Leg, Request } from './request.ts';

/** In order; a request of one connection has one, which nothing joins. */
export function legsOf(request: Request): readonly Leg[] {
  if (request.legs !== undefined && request.legs.length > 0) return request.legs;
  const { client, dialled, server, sourceSeenByServer, http } = request;
  return [
    {
      client,
      dialled,
      ...(server !== undefined && { server }),
      ...(sourceSeenByServer !== undefined && { sourceSeenByServer }),
      ...(http !== undefined && { http }),
    },
  ];
}

/** The proxy that ends one leg and begins the next. */
export interface Joint {
  /** Index of the leg that it begins. */
  readonly leg: number;
  readonly process?: NonNullable<Hop['process']>;
  /** Where it runs: who served the leg before, and dialled on this one. */
  readonly at: Endpoint;
  readonly joinedBy?: NonNullable<Leg['joinedBy']>;
}

export function jointsOf(request: Request): Joint[] {
  const legs = legsOf(request);
  return legs.slice(1).map((leg, index): Joint => {
    const process = processBetween(request.hops, index);
    const before = legs[index]?.server;
    return {
      leg: index + 1,
      ...(process !== undefined && { process }),
      at: [before, leg.client].find((end) => end?.name !== undefined) ?? before ?? leg.client,
      ...(leg.joinedBy !== undefined && { joinedBy: leg.joinedBy }),
    };
  });
}

/** Who is known by name comes first: the proxy's own hop, who took the leg before, who sent this one. */
function processBetween(hops: readonly Hop[], leg: number): Hop['process'] {
  return (
    hops.filter((hop) => hop.kind === 'proxy')[leg]?.process ??
    hops.findLast((hop) => hop.leg === leg && hop.kind === 'deliver')?.process ??
    hops.find((hop) => hop.leg === leg + 1 && hop.process !== undefined && hop.kind !== 'deliver')?.process
  );
}

/** A word for the proxy: its program, or where it runs. */
export const proxyName = ({ process, at }: Joint): string => process?.comm ?? at.name ?? at.ip;
