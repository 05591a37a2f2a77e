/**
 * What must be true of the requests that a dial made: each with its legs, its carriers and its verdict. In the shape
 * in which both a scenario with the servers' answers and nathop's JSON can be told.
 */
import type { Attempt, RunResult } from '../../scripts/lab/lab.ts';
import {
  expectedIn,
  type Ask,
  type Dial,
  type Expected,
  type ExpectedLeg,
  type ExpectedRewrite,
} from '../../scripts/lab/scenarios/scenario.ts';
import type { Identity } from '../../scripts/lab/topology.ts';
import { formatEndpoint } from '../../src/events/tuple.ts';
import type { Carrier, Endpoint, Hop, Leg, Request } from '../../src/trace/request.ts';

export interface RequestStory {
  readonly http: {
    method: string;
    path: string;
    host: string;
    status: number | undefined;
    sni: string | undefined;
  };
  readonly legs: readonly LegStory[];
  readonly carriers: readonly Carrier[];
  readonly verdict: string | undefined;
  readonly cause: string | undefined;
  readonly failure: string | undefined;
}

interface LegStory {
  readonly dialled: string;
  readonly server: string | undefined;
  /** With its port where the server said it. */
  readonly seen: string | undefined;
  readonly path: string | undefined;
  readonly rewrites: readonly string[];
  readonly joinedBy: string | undefined;
}

interface Case {
  readonly lab: Identity;
  readonly dial: Dial;
  readonly attempt: Attempt;
}

/** The requests of a dial's connection, in the order in which they were asked. */
export function requestsOf(
  requests: readonly Request[],
  { lab, dial }: Pick<Case, 'lab' | 'dial'>,
  from: { ip: string; port: number },
  to: { ip: string; port: number } = dial.to,
): Request[] {
  return requests.filter(
    ({ client, dialled, hops }) =>
      client.ip === from.ip &&
      client.port === from.port &&
      dialled.ip === to.ip &&
      dialled.port === to.port &&
      hops[0]?.netns?.name === lab.prefix + dial.from,
  );
}

/** As the scenario and the servers have it; what they leave open is taken from what was told. */
export function expectedStory(
  { lab, dial, attempt }: Case,
  index: number,
  actual: RequestStory,
): RequestStory {
  const ask = dial.http?.requests[index] as Ask;
  const { expect: want } = ask;
  const connections: Connection[] = [
    { ...expectedIn(dial, lab.mode), dialled: formatEndpoint(dial.to.ip, dial.to.port) },
    ...want.legs,
  ];
  const paths = pathsOf(dial, ask);
  return {
    http: {
      method: ask.method ?? 'GET',
      path: paths.find((path) => path !== undefined) ?? '',
      host: ask.host,
      status: want.status,
      sni: dial.http?.tls,
    },
    legs: connections.map((leg, at) => ({
      ...legStory(lab, leg, seenAt(attempt, index, leg), actual.legs[at]),
      path: paths[at],
    })),
    carriers: inOrder(want.carriers),
    verdict: want.verdict ?? actual.verdict,
    cause: want.cause ?? actual.cause,
    failure: want.failure ?? actual.failure,
  };
}

/** What can be read on each leg: under TLS, and where nobody took the connection, nothing. */
export const pathsOf = ({ http }: Dial, { path, expect: { legs } }: Ask): (string | undefined)[] => [
  http?.tls === undefined ? path : undefined,
  ...legs.map((leg) => (leg.server === undefined ? undefined : (leg.path ?? path))),
];

type Connection = Pick<Expected, 'server' | 'sourceSeen' | 'rewrites'> &
  Pick<ExpectedLeg, 'dialled'> &
  Partial<ExpectedLeg>;

function legStory(
  lab: Identity,
  leg: Connection,
  seen: string | undefined,
  actual?: LegStory,
): Omit<LegStory, 'path'> {
  return {
    dialled: leg.dialled,
    server: leg.server === undefined ? actual?.server : lab.prefix + (placeOf(leg) ?? ''),
    // Without the server's word for the port, any.
    seen: seen !== undefined && actual?.seen?.startsWith(`${seen}:`) ? actual.seen : (seen ?? actual?.seen),
    rewrites: leg.rewrites.map((rewrite) => rewriteStory(lab, rewrite)),
    joinedBy: leg.joinedBy?.find((evidence) => evidence === actual?.joinedBy) ?? leg.joinedBy?.join(' or '),
  };
}

/** Who a server is known as: its namespace. */
const placeOf = ({ to, server }: Connection): string | undefined =>
  to ?? (server === 'sidecar-1' ? 'meshed-1' : server);

function seenAt(attempt: Attempt, index: number, { server, sourceSeen }: Connection): string | undefined {
  const answer = attempt.answers?.[index];
  const word = answer?.server === server ? answer : answer?.saw.find((one) => one.server === server);
  return word?.peer === undefined ? sourceSeen : formatEndpoint(word.peer.ip, word.peer.port);
}

const rewriteStory = ({ prefix }: Identity, { node, kind, hook, to }: ExpectedRewrite): string =>
  `${prefix}${node} ${hook} ${kind} ${to}`;

/** What nathop told of a request, in the same shape. */
export function actualStory(request: Request): RequestStory {
  const { http, clientIp, failure } = request;
  const legs: readonly Leg[] = request.legs ?? [request];
  return {
    http: {
      method: http?.method ?? '',
      path: http?.path ?? '',
      host: http?.host ?? '',
      status: http?.status,
      sni: http?.sni,
    },
    legs: legs.map((leg, index) => ({
      dialled: written(leg.dialled),
      server: leg.server?.name,
      seen: leg.sourceSeenByServer && written(leg.sourceSeenByServer),
      path: leg.http?.path,
      rewrites: request.hops.filter((hop) => hop.leg === index).flatMap(toldRewrite),
      joinedBy: leg.joinedBy?.evidence,
    })),
    carriers: inOrder(clientIp.carriers),
    verdict: clientIp.verdict,
    cause: clientIp.cause,
    failure: failure?.kind,
  };
}

function toldRewrite({ kind, netns, hook, after }: Hop): string[] {
  if (kind === 'dnat' || kind === 'redirect') return [`${netns?.name} ${hook} ${kind} ${after?.dst}`];
  if (kind !== 'snat' && kind !== 'masquerade') return [];
  // The port is any.
  return [`${netns?.name} ${hook} ${kind} ${after?.src.replace(/:\d+$/, '')}`];
}

const written = ({ ip, port = 0 }: Endpoint): string => formatEndpoint(ip, port);

const inOrder = (carriers: readonly Carrier[]): Carrier[] =>
  carriers
    .map(({ kind, values, leg, isClient }) => ({ kind, values, leg, isClient }))
    .sort((a, b) => a.leg - b.leg || a.kind.localeCompare(b.kind));

/** The look-ups of a dial: by each try's socket, the names, what was answered and by whom. */
export function lookUpsOf(
  requests: readonly Request[],
  { lab, dial }: Pick<Case, 'lab' | 'dial'>,
  { lookUp = [] }: Attempt,
): Request[][] {
  const to = { ip: dial.lookUp?.resolver ?? '', port: 53 };
  return lookUp.map(({ from }) => requestsOf(requests, { lab, dial }, from, to));
}

export const lastOf = ({ dials }: RunResult): { dial: Dial; attempt: Attempt }[] =>
  dials.map(({ dial, last }) => ({ dial, attempt: last }));
