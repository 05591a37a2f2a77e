import type { Evaluated } from '../../events/event.ts';
import type { Passing, Refusal, RefusalRule, Rewrite, RewriteRule } from '../../trace/knowledge.ts';
import type { Hook, Rule } from '../../trace/request.ts';
import { sameTuple, type Tuple } from '../../events/tuple.ts';
import type { BaseChains } from './base-chains.ts';
import { authorOf } from './author.ts';
import { causeOf, markingRule } from './cause.ts';
import { agreementOf, ruleSeen } from './evaluated.ts';
import type { End, Found, Freedom, Journey, Outcome, Stage } from './journey.ts';
import type { Verdict } from './model.ts';
import { packetOf, type IsLocal, type Packet, type Way } from './packet.ts';
import { reasonOf } from './reason.ts';
import { toRule } from './report.ts';
import { serviceOf, type ServiceName } from './service.ts';
import { search, type Budget } from './search.ts';
import { sparedBy } from './spared.ts';

/** Rules looked at for one question, all attempts together: some milliseconds at the very most. */
const BUDGET = 10_000;

type Attempt = Freedom & { readonly chains: 'all' | 'nat' };

/** From what the rules say as they stand to what they may have meant; the first that leads to the end counts. */
const STRICT: readonly Attempt[] = [
  { chains: 'nat', assumptions: 0 },
  { chains: 'all', assumptions: 0 },
  { chains: 'nat', assumptions: 1 },
  { chains: 'all', assumptions: 4 },
];

/** What came after a DNAT can be explained even where the endpoint, or what set the mark, is gone from the rules. */
const LENIENT: readonly Attempt[] = [
  ...STRICT,
  { chains: 'nat', assumptions: 4, anyDestination: true },
  { chains: 'nat', assumptions: 4, anyDestination: true, anyMark: true },
];

export function explainRewrite(chains: BaseChains, rewrite: Rewrite, isLocal: IsLocal): RewriteRule {
  const { kind, after } = rewrite;
  const budget = { left: BUDGET };
  if (kind === 'dnat' || kind === 'redirect') {
    const end: End = { kind: 'destination', place: { ip: after.dst, port: after.dport } };
    const explained = attempt(chains, [[rewrite.hook]], rewrite, end, isLocal, budget);
    const { found, source, overruled } = besides(chains, explained, rewrite.evaluated, ['dnat', 'redirect']);
    return found ? { rule: toRule(found, undefined, found.assumed, source), ...overruled } : overruled;
  }
  const end: End = {
    kind: 'source',
    place: { ip: after.src, port: after.sport },
    target: kind,
  };
  const entry: Hook = isSentHere(rewrite, isLocal) ? 'OUTPUT' : 'PREROUTING';
  const translated = !sameTuple(rewrite.original, rewrite.before);
  const byIpvs = translated && entry === 'PREROUTING' && chains.hasVirtualServers;
  const ways: Hook[][] = [
    ...(byIpvs ? [[entry, 'INPUT', rewrite.hook] satisfies Hook[]] : []),
    [entry, rewrite.hook],
  ];
  const explained = attempt(chains, ways, rewrite, end, isLocal, budget);
  const { found, source, overruled } = besides(chains, explained, rewrite.evaluated, [kind]);
  if (!found) return overruled;
  const packet = packetOf(rewrite.before, wayOf(rewrite, entry), isLocal, translated);
  return { ...sourceRuleOf(found, packet, source), ...overruled };
}

function sourceRuleOf(outcome: Outcome, packet: Packet, source?: Rule['source']): RewriteRule {
  const cause = causeOf(outcome, packet);
  const markedBy = outcome.markedBy && markingRule(outcome.markedBy);
  const service = servedBy(outcome, markedBy);
  const rule = toRule(outcome, service, outcome.assumed, source);
  // Which rule set the mark is a guess where sets that could not be read would tell.
  if (markedBy && outcome.assumed.some((text) => text.includes('--match-set'))) return { rule };
  const author = authorOf(markedBy ?? outcome);
  return {
    rule,
    cause,
    ...(markedBy && { markedBy: toRule(markedBy, service) }),
    ...(author !== undefined && { author }),
    spared: sparedBy(markedBy ?? outcome),
  };
}

/** What rewrites the source of a packet that was sent on to this, and that no rule has marked for it. */
export function explainUnmarked(
  chains: BaseChains,
  { tuple, inDevice }: Passing,
  isLocal: IsLocal,
): RewriteRule {
  const way = wayOf(inDevice === undefined ? {} : { inDevice }, 'PREROUTING');
  const packet = packetOf(tuple, way, isLocal, true);
  const stage: Stage = {
    hook: 'POSTROUTING',
    chains: chains.at('POSTROUTING', 'nat'),
    packet,
    translated: packet,
  };
  const end: End = { kind: 'source', place: undefined, target: undefined };
  const outcome = search({ stages: [stage], translation: 0, end }, { assumptions: 0 }, { left: BUDGET });
  return outcome ? sourceRuleOf(outcome, packet) : {};
}

interface Besides {
  readonly found: Outcome | undefined;
  readonly source: Rule['source'];
  readonly overruled: { overruled?: Rule };
}

/** What the texts lead to, unless the kernel was seen to run another rule. */
function besides(
  chains: BaseChains,
  explained: Outcome | undefined,
  evaluated: Evaluated | undefined,
  verdicts: readonly Verdict['kind'][],
): Besides {
  if (!evaluated) return { found: explained, source: undefined, overruled: {} };
  const agreement = explained && agreementOf(explained, evaluated);
  if (explained && agreement === 'same') {
    // Whatever its matches ask, they matched.
    return { found: { ...explained, assumed: [] }, source: 'kernel', overruled: {} };
  }
  if (explained && agreement === 'untold') return { found: explained, source: 'rules', overruled: {} };
  const seen = ruleSeen(chains, evaluated, verdicts);
  return {
    found: seen && { ...seen, markedBy: undefined, translatedBy: explained?.translatedBy, assumed: [] },
    source: 'kernel',
    overruled: explained ? { overruled: toRule(explained) } : {},
  };
}

/** kube-proxy masquerades for all Services by the same rules: for which, the way to them tells. */
function servedBy(outcome: Outcome, markedBy: Found | undefined): ServiceName | undefined {
  const shared = outcome.chain.name === 'KUBE-POSTROUTING' || outcome.table.name === 'kube-proxy';
  return (
    serviceOf(outcome) ??
    (markedBy && serviceOf(markedBy)) ??
    (shared && outcome.translatedBy ? serviceOf(outcome.translatedBy) : undefined)
  );
}

export function explainRefusal(chains: BaseChains, refusal: Refusal, isLocal: IsLocal): RefusalRule {
  const budget = { left: BUDGET };
  const { current, kind } = refusal;
  const tuples = { ...refusal, before: current };
  const verdicts = kind === 'reject' ? (['reject'] as const) : (['drop', 'reject'] as const);
  let explained: Outcome | undefined;
  let how: 'drop' | 'reject' = kind;
  for (how of verdicts) {
    const end: End = { kind: 'refused', how };
    for (const hooks of waysTo(refusal, isLocal)) {
      explained ??= attempt(chains, [hooks], tuples, end, isLocal, budget);
    }
    if (explained) break;
  }
  const { found, source, overruled } = besides(chains, explained, refusal.evaluated, verdicts);
  if (!found) return overruled;
  const markedBy = found.markedBy && markingRule(found.markedBy);
  return {
    rule: toRule(found, servedBy(found, markedBy), found.assumed, source),
    because: reasonOf(found, explained ? how : kind),
    ...overruled,
  };
}

/** What befell a packet up to the hook in question. */
interface Passage {
  readonly original: Tuple;
  /** As it came to the last hook. */
  readonly before: Tuple;
  readonly inDevice?: string;
  readonly outDevice?: string;
}

function attempt(
  chains: BaseChains,
  ways: readonly (readonly Hook[])[],
  passage: Passage,
  end: End,
  isLocal: IsLocal,
  budget: Budget,
): Outcome | undefined {
  for (const { chains: which, ...freedom } of end.kind === 'destination' ? STRICT : LENIENT) {
    for (const hooks of ways) {
      const outcome = search(journeyOf(chains, which, hooks, passage, end, isLocal), freedom, budget);
      if (outcome) return outcome;
    }
  }
  return undefined;
}

function journeyOf(
  chains: BaseChains,
  which: 'all' | 'nat',
  hooks: readonly Hook[],
  passage: Passage,
  end: End,
  isLocal: IsLocal,
): Journey {
  const { original, before } = passage;
  const way = wayOf(passage, hooks[0]);
  const moved = original.dst !== before.dst || original.dport !== before.dport;
  const first = packetOf(original, rerouted(moved, end, hooks) ? withoutOutDevice(way) : way, isLocal, false);
  const later = moved
    ? packetOf({ ...original, dst: before.dst, dport: before.dport }, way, isLocal, true)
    : first;
  // Of three hooks the one between is the input, where IPVS is.
  const translation = hooks.length > 2 ? 1 : 0;
  const stages = hooks.map((hook, index): Stage => {
    const last = index + 1 === hooks.length;
    return {
      hook,
      chains: chains.at(hook, last && end.kind === 'refused' ? 'all' : which),
      packet: index <= translation ? first : later,
      translated: later,
    };
  });
  const common = { stages, translation, end };
  return moved ? { ...common, destination: { ip: before.dst, port: before.dport } } : common;
}

/** What OUTPUT sends elsewhere was to leave by another device when it came there, and which is not known. */
const rerouted = (moved: boolean, end: End, hooks: readonly Hook[]): boolean =>
  hooks[0] === 'OUTPUT' && (moved || end.kind === 'destination');

const withoutOutDevice = ({ sentHere, inDevice }: Way): Way =>
  inDevice === undefined ? { sentHere } : { sentHere, inDevice };

function wayOf(
  { inDevice, outDevice }: Pick<Passage, 'inDevice' | 'outDevice'>,
  entry: Hook | undefined,
): Way {
  return {
    sentHere: entry === 'OUTPUT',
    ...(inDevice === undefined ? {} : { inDevice }),
    ...(outDevice === undefined ? {} : { outDevice }),
  };
}

/** What comes in by `lo` was sent here, and its entry made in OUTPUT. */
function isSentHere({ inDevice, original }: Passage, isLocal: IsLocal): boolean {
  return inDevice === undefined
    ? isLocal(original.src) || original.src.startsWith('127.')
    : inDevice === 'lo';
}

/** The hooks a packet may have met up to the one that refused it, the likeliest first. */
function waysTo(refusal: Refusal, isLocal: IsLocal): Hook[][] {
  const { hook, current } = refusal;
  const sent = isSentHere({ ...refusal, before: current }, isLocal);
  const entry: Hook = sent ? 'OUTPUT' : 'PREROUTING';
  if (hook !== undefined) return hook === entry ? [[hook]] : [[entry, hook], [hook]];
  const onward: Hook = isLocal(current.dst) ? 'INPUT' : sent ? 'POSTROUTING' : 'FORWARD';
  return [[entry], [entry, onward], [onward]];
}
