import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import type { Event } from '../../src/events/event.ts';
import type { RecordingHeader } from '../../src/events/recording.ts';
import { Engine, type EngineOptions } from '../../src/trace/engine.ts';
import type { NameKeeper } from '../../src/trace/knowledge.ts';
import type { Hop, Request } from '../../src/trace/request.ts';

/** The events of a kept recording, names first, as the engine takes them. */
export function recorded(name: 'iptables' | 'nftables' | 'failures-iptables'): Event[] {
  const bytes = readFileSync(new URL(`../recordings/${name}.nathop`, import.meta.url));
  const [first = '', ...lines] = gunzipSync(bytes).toString().trimEnd().split('\n');
  const { names } = JSON.parse(first) as RecordingHeader;
  return [...names, ...lines.slice(0, -1).map((line) => JSON.parse(line) as Event)];
}

const TRAFFIC: ReadonlySet<string> = new Set([
  'packet',
  'icmp-error',
  'drop',
  'socket',
  'retransmit',
  'nat',
  'verdict',
  'entry-refused',
  'entry-gone',
]);
export const isTraffic = ({ kind }: Event): boolean => TRAFFIC.has(kind);

export const newEngine = (
  options: Partial<EngineOptions> = {},
  knowledge: NameKeeper = new ClusterKnowledge(),
): Engine => new Engine(knowledge, { maxConnections: 100_000, wallOffset: 0n, ...options });

/** What an engine tells of a stream in the end: the last word on each request, in the order of the first. */
export function requestsOf(stream: Iterable<Event>, engine = newEngine()): Request[] {
  const told = new Map<string, Request>();
  for (const event of stream) for (const request of engine.apply(event)) told.set(request.id, request);
  for (const request of engine.open()) told.set(request.id, request);
  return [...told.values()];
}

/**
 * What a request that was told in spite of lost events says and none of the requests that were told without
 * loss does; empty where it only says less.
 */
export function contradictions(told: Request, truth: readonly Request[]): string[] {
  let best: string[] | undefined;
  for (const request of truth) {
    const found = differences(told, request);
    if (found.length === 0) return [];
    if (best === undefined || found.length < best.length) best = found;
  }
  return best ?? ['a request out of nothing'];
}

function differences(told: Request, truth: Request): string[] {
  const wrong: string[] = [];
  if (told.protocol !== truth.protocol) wrong.push(`protocol ${told.protocol}`);
  wrong.push(...strangers('hop', told.hops, truth.hops));
  wrong.push(...strangers('reply hop', told.replyHops, truth.replyHops));
  const { verdict, lostAtHop } = told.clientIp;
  if (verdict !== 'unknown' && verdict !== truth.clientIp.verdict) wrong.push(`verdict ${verdict}`);
  if (lostAtHop !== undefined) {
    const place = truth.clientIp.lostAtHop === undefined ? undefined : truth.hops[truth.clientIp.lostAtHop];
    if (place === undefined || !saysLess(told.hops[lostAtHop] as Hop, place))
      wrong.push(`lost at ${lostAtHop}`);
  }
  if (told.server !== undefined && told.server.ip !== truth.server?.ip)
    wrong.push(`server ${told.server.ip}`);
  const [seen, really] = [told.sourceSeenByServer, truth.sourceSeenByServer];
  if (seen !== undefined && (seen.ip !== really?.ip || seen.port !== really.port))
    wrong.push(`source ${seen.ip}`);
  if (told.failure !== undefined && !isDoubtfulOf(told, truth)) wrong.push(`failure ${told.failure.kind}`);
  return wrong;
}

/** The same failure, one that says less, or one that says itself that what was lost may tell otherwise. */
function isDoubtfulOf({ failure: told }: Request, { failure: truth }: Request): boolean {
  if (told === undefined || told.kind === truth?.kind) return true;
  if (told.kind === 'unanswered') return told.text.includes('events were lost meanwhile');
  return told.kind === 'refused' && truth?.kind.startsWith('rejected') === true;
}

/** Hops that are not among the true ones, in their order. */
function strangers(what: string, told: readonly Hop[], truth: readonly Hop[]): string[] {
  let from = 0;
  return told.flatMap((hop) => {
    const found = truth.findIndex((one, index) => index >= from && saysLess(hop, one));
    if (found === -1) return [`${what} ${hop.kind} ${hop.netns?.name ?? ''} ${JSON.stringify(hop.device)}`];
    from = found + 1;
    return [];
  });
}

/** Times count from the first packet seen, and what was not seen is marked: neither makes another hop. */
function saysLess(told: Hop, truth: Hop): boolean {
  const { atMs: _at, observed: _observed, process: _process, device, ...rest } = told;
  const sameDevice = Object.entries(device ?? {}).every(
    ([end, name]) => truth.device?.[end as 'in' | 'out'] === name,
  );
  return (
    sameDevice &&
    Object.entries(rest).every(
      ([key, value]) => JSON.stringify(value) === JSON.stringify(truth[key as keyof Hop]),
    )
  );
}
