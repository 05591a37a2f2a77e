/** What was told held against what is true: per kind of failure how often it was right, wrong, and missed. */
import { formatEndpoint } from '../../src/events/tuple.ts';
import type { Request } from '../../src/trace/request.ts';
import type { Label } from '../lab/labels.ts';

export interface Tally {
  right: number;
  /** Told, and not so. */
  wrong: number;
  /** So, and not told. */
  missed: number;
}

export interface Score {
  readonly requests: number;
  readonly labelled: number;
  readonly kinds: ReadonlyMap<string, Tally>;
  /** Each in words: of which request, what is true, what was told. */
  readonly mistakes: readonly string[];
}

/** What no label speaks of went well: proxies and resolvers of a scenario that breaks nothing of theirs. */
export function score(requests: readonly Request[], labels: readonly Label[]): Score {
  const kinds = new Map<string, Tally>();
  const mistakes: string[] = [];
  const count = (kind: string, what: keyof Tally): void => {
    const tally = kinds.get(kind) ?? { right: 0, wrong: 0, missed: 0 };
    tally[what]++;
    kinds.set(kind, tally);
  };
  const met = new Set<Label>();
  // One that names the client before one that does not.
  const closest = [...labels].sort((a, b) => Number(a.client === undefined) - Number(b.client === undefined));
  for (const request of requests) {
    const label = closest.find((one) => isOf(one, request));
    if (label !== undefined) met.add(label);
    const told = request.failure?.kind ?? null;
    if (told === null && label?.mended) continue;
    const truth = label?.failure === 'any' ? (told ?? 'any') : (label?.failure ?? null);
    if (told === truth) {
      if (told !== null) count(told, 'right');
      continue;
    }
    if (truth !== null) count(truth, 'missed');
    if (told !== null) count(told, 'wrong');
    mistakes.push(
      `${nameOf(request)}${label === undefined ? '' : ` of ${label.scenario}`}: is ${truth ?? 'well'}, told ${told ?? 'well'}  [${request.id}]`,
    );
  }
  for (const label of labels) {
    if (met.has(label) || label.failure === null) continue;
    count(label.failure, 'missed');
    mistakes.push(
      `${label.client ?? 'a proxy'} → ${label.dialled} ${label.asked ?? label.protocol} of ${label.scenario}: is ${label.failure}, and no request was told`,
    );
  }
  const labelled = labels.filter(({ failure }) => failure !== null).length;
  return { requests: requests.length, labelled, kinds, mistakes };
}

export function sum(scores: readonly Score[]): Score {
  const kinds = new Map<string, Tally>();
  for (const { kinds: some } of scores) {
    for (const [kind, { right, wrong, missed }] of some) {
      const tally = kinds.get(kind) ?? { right: 0, wrong: 0, missed: 0 };
      kinds.set(kind, {
        right: tally.right + right,
        wrong: tally.wrong + wrong,
        missed: tally.missed + missed,
      });
    }
  }
  const add = (of: (score: Score) => number): number => scores.reduce((total, one) => total + of(one), 0);
  return {
    requests: add(({ requests }) => requests),
    labelled: add(({ labelled }) => labelled),
    kinds,
    mistakes: scores.flatMap(({ mistakes }) => mistakes),
  };
}

/** Of what was told, how much is so; of what is so, how much was told. 1 where there was nothing to be wrong about. */
export const precisionOf = ({ right, wrong }: Tally): number => share(right, right + wrong);
export const recallOf = ({ right, missed }: Tally): number => share(right, right + missed);
const share = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);

function isOf(label: Label, request: Request): boolean {
  const { protocol, client, dialled } = request;
  if (label.protocol !== protocol || label.dialled !== formatEndpoint(dialled.ip, dialled.port ?? 0))
    return false;
  if (label.client !== undefined && label.client !== formatEndpoint(client.ip, client.port ?? 0))
    return false;
  const asked = askedBy(request);
  return label.asked === undefined || asked === undefined || label.asked === asked;
}

/** A name that was looked up before the dial is not what the request asks for. */
function askedBy({ http, dns, protocol }: Request): string | undefined {
  if (http !== undefined) return `${http.method} ${http.path}`;
  return dns === undefined || protocol === 'tcp' ? undefined : `${dns.type} ${dns.name}`;
}

function nameOf(request: Request): string {
  const { client, dialled, protocol } = request;
  const ends = `${formatEndpoint(client.ip, client.port ?? 0)} → ${formatEndpoint(dialled.ip, dialled.port ?? 0)}`;
  return `${ends} ${askedBy(request) ?? protocol}`;
}
