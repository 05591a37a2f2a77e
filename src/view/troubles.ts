/** What fails, counted by whom it was meant for and what became of it; what one needs first in an incident stands first. */
import { formatEndpoint } from '../events/tuple.ts';
import type { Endpoint, Request } from '../trace/request.ts';
import { hasFailed, isTrouble } from './words.ts';

export interface Trouble {
  readonly key: string;
  /** The Service, or where none is known the name or address dialled. */
  readonly whom: string;
  /** The failure's kind, `HTTP 502`, or `port scan`. */
  readonly what: string;
  /** On the way, what the server says of itself, or closed ports that somebody looks for. */
  readonly sort: 'network' | 'server' | 'scan';
  readonly failed: number;
  /** Different ports dialled. */
  readonly ports: number;
  /** Requests to the same, well or not. */
  readonly all: number;
  readonly clients: number;
  readonly last: Request;
}

export interface Troubles {
  readonly groups: readonly Trouble[];
  /** Key of the group that a request was counted in. */
  readonly keyOf: ReadonlyMap<Request, string>;
}

/** So many closed ports of one machine are tried by who looks for open ones, and by nobody who wants a server. */
const SCAN = 10;

export function troublesIn(requests: Iterable<Request>): Troubles {
  const kept = [...requests];
  const scans = scansIn(kept);
  const all = new Map<string, number>();
  const members = new Map<string, Member[]>();
  const keyOf = new Map<Request, string>();
  for (const request of kept) {
    const whom = meantFor(request);
    all.set(whom, (all.get(whom) ?? 0) + 1);
    if (!isTrouble(request)) continue;
    const trouble = troubleOf(request, whom, scans);
    const key = `${trouble.whom} ${trouble.what}`;
    keyOf.set(request, key);
    const others = members.get(key);
    if (others === undefined) members.set(key, [{ ...trouble, key, request }]);
    else others.push({ ...trouble, key, request });
  }
  const groups = [...members.values()].map((some) => group(some, all));
  return { groups: groups.sort(byNeed), keyOf };
}

/** Scans do not count as failures: nobody misses what they did not find. */
export function countTroubles(troubled: readonly Request[]): { failed: number; scanned: number } {
  const scans = scansIn(troubled);
  const scanned = troubled.filter((request) => isOfScan(request, scans)).length;
  return { failed: troubled.length - scanned, scanned };
}

type Member = Pick<Trouble, 'key' | 'whom' | 'what' | 'sort'> & { readonly request: Request };

function group(some: readonly Member[], all: ReadonlyMap<string, number>): Trouble {
  const { key, whom, what, sort } = some[0] as Member;
  const last = some.reduce((a, b) => (startOf(b.request) >= startOf(a.request) ? b : a)).request;
  const clients = new Set(some.map(({ request }) => request.client.ip)).size;
  const ports = new Set(some.map(({ request }) => request.dialled.port)).size;
  return {
    key,
    whom,
    what,
    sort,
    failed: some.length,
    ports,
    all: all.get(whom) ?? some.length,
    clients,
    last,
  };
}

/**
 * What broke on the way before what a server complains of, and scans last: their closed ports are true, and of no
 * interest to who looks for what broke. Then what fails wholly, what fails most, and what failed last.
 */
function byNeed(a: Trouble, b: Trouble): number {
  return (
    SORTS.indexOf(a.sort) - SORTS.indexOf(b.sort) ||
    Number(b.failed === b.all) - Number(a.failed === a.all) ||
    b.failed - a.failed ||
    (startOf(b.last) > startOf(a.last) ? 1 : -1)
  );
}

const SORTS: readonly Trouble['sort'][] = ['network', 'server', 'scan'];

const startOf = ({ startedAt }: Request): string => startedAt ?? '';

function troubleOf(
  request: Request,
  whom: string,
  scans: ReadonlySet<string>,
): Pick<Trouble, 'whom' | 'what' | 'sort'> {
  if (isOfScan(request, scans)) {
    return {
      whom: `${nameOf({ ...request.dialled, port: 0 })} from ${request.client.ip}`,
      what: 'port scan',
      sort: 'scan',
    };
  }
  if (hasFailed(request)) return { whom, what: request.failure?.kind ?? request.state, sort: 'network' };
  return { whom, what: `HTTP ${request.http?.status ?? ''}`, sort: 'server' };
}

/** The Service of the leg on which it failed, or else of the first. */
function meantFor(request: Request): string {
  const { failure, hops, legs = [], dialled } = request;
  const hop = failure?.atHop === undefined ? undefined : hops[failure.atHop];
  const leg = legs[hop?.leg ?? 0]?.dialled ?? dialled;
  if (leg.kind === 'service') return leg.name ?? nameOf(leg);
  const service = hop?.rule?.service ?? hops.find(({ rule }) => rule?.service !== undefined)?.rule?.service;
  return service === undefined ? nameOf(leg) : service.replace(/:[^:/]*$/, '');
}

const nameOf = ({ ip, port, name }: Endpoint): string =>
  name === undefined
    ? formatEndpoint(ip, port ?? 0)
    : port === undefined || port === 0
      ? name
      : `${name}:${port}`;

function scansIn(requests: readonly Request[]): Set<string> {
  const ports = new Map<string, Set<number>>();
  for (const request of requests) {
    if (!mayBeScan(request)) continue;
    const pair = pairOf(request);
    const tried = ports.get(pair) ?? new Set();
    ports.set(pair, tried.add(request.dialled.port ?? 0));
  }
  return new Set([...ports].filter(([, tried]) => tried.size >= SCAN).map(([pair]) => pair));
}

const isOfScan = (request: Request, scans: ReadonlySet<string>): boolean =>
  scans.has(pairOf(request)) && mayBeScan(request);

const pairOf = ({ client, dialled }: Request): string => `${client.ip} ${dialled.ip}`;

const mayBeScan = (request: Request): boolean =>
  hasFailed(request) &&
  request.dialled.kind !== 'service' &&
  request.http === undefined &&
  request.dns === undefined;
