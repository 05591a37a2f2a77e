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

/** The proxy that took one leg and opened another. */
export interface Joint {
  readonly from: number;
  readonly to: number;
  readonly process?: NonNullable<Hop['process']>;
  /** Where it runs: who served the one, and dialled on the other. */
  readonly at: Endpoint;
  readonly joinedBy?: NonNullable<Leg['joinedBy']>;
  /** Its hop, as an index into the request's. */
  readonly hop?: number;
}

/** One for each leg but the first. */
export function jointsOf(request: Request): Joint[] {
  const legs = legsOf(request);
  // The n-th proxy opened the n-th leg; a proxy that asks twice opened both from the same.
  const places = [...request.hops.keys()].filter((place) => request.hops[place]?.kind === 'proxy');
  return legs.slice(1).map((leg, index): Joint => {
    const place = places[index];
    const hop = place === undefined ? undefined : request.hops[place];
    const from = hop?.leg ?? index;
    const process = hop?.process ?? processBetween(request.hops, from, index + 1);
    const taken = legs[from]?.server;
    return {
      from,
      to: index + 1,
      ...(process !== undefined && { process }),
      at: [taken, leg.client].find((end) => end?.name !== undefined) ?? taken ?? leg.client,
      ...(leg.joinedBy !== undefined && { joinedBy: leg.joinedBy }),
      ...(place !== undefined && { hop: place }),
    };
  });
}

/** Who took the one leg, or sent on the other. */
function processBetween(hops: readonly Hop[], from: number, to: number): Hop['process'] {
  return (
    hops.findLast((hop) => hop.leg === from && hop.kind === 'deliver')?.process ??
    hops.find((hop) => hop.leg === to && hop.process !== undefined && hop.kind !== 'deliver')?.process
  );
}

/** A word for the proxy: its program, or where it runs. */
export const proxyName = ({ process, at }: Joint): string => process?.comm ?? at.name ?? at.ip;

/** The hops of one leg with their places among all; a proxy between two is told as their joint. */
export function hopsOfLeg(request: Request, leg: number): { hop: Hop; place: number }[] {
  const joined = legsOf(request).length > 1;
  return request.hops
    .map((hop, place) => ({ hop, place }))
    .filter(({ hop }) => hop.leg === leg && !(joined && hop.kind === 'proxy'));
}
