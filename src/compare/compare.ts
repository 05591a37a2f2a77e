/**
 * What is different between two recordings, kind of request by kind. Each difference says how many requests it rests
 * on, and whether so few that chance may explain it.
 */
import { looseKeyOf } from './asked.ts';
import type { Asked } from './asked.ts';
import { FACETS, TIMINGS } from './sample.ts';
import type { Fact, Facet, Sample, Timing } from './sample.ts';
import type { Kind, Side, SideSummary } from './side.ts';
import { chanceOf, rankDistance, spreadOf } from './statistics.ts';
import type { Spread } from './statistics.ts';

export interface Comparison {
  readonly before: SideSummary;
  readonly after: SideSummary;
  /** Those that differ first. */
  readonly kinds: readonly KindComparison[];
}

export type Change = 'differs' | 'within-chance' | 'only-before' | 'only-after' | 'same';

export interface KindComparison {
  /** As asked after; before, where nobody asked after. */
  readonly asked: Asked;
  /** Where it was asked otherwise before: at another address of the same Service, or from another node. */
  readonly askedBefore?: Asked;
  readonly change: Change;
  readonly requests: Counts;
  /** On one side so few that everything may be chance: then nothing is put down to it without being shown. */
  readonly few: boolean;
  readonly facets: readonly FacetComparison[];
  readonly times: readonly TimeComparison[];
}

export interface Counts {
  readonly before: number;
  readonly after: number;
}

export interface FacetComparison {
  readonly facet: Facet;
  readonly differs: boolean;
  readonly values: readonly ValueComparison[];
}

export interface ValueComparison extends Counts {
  readonly fact: Fact;
  /** Of how many requests of that kind it was so; counted where it could be told at all. */
  readonly change: 'gone' | 'new' | 'share' | 'same';
  /** So few requests that chance may explain it. */
  readonly mayBeChance: boolean;
}

export interface TimeComparison {
  readonly timing: Timing;
  readonly before?: Spread;
  readonly after?: Spread;
  readonly change: 'slower' | 'faster' | 'same' | 'too-few';
}

export function compare(before: Side, after: Side): Comparison {
  const left = before.summary;
  const right = after.summary;
  const changesOnly = left.changesOnly || right.changesOnly;
  const kinds = pairs(before.kinds(), after.kinds()).map((pair) => compareKinds(pair, changesOnly));
  kinds.sort((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || weightOf(a) - weightOf(b));
  return { before: left, after: right, kinds };
}

/** Facets stand in the order of what matters most to who asks what a change has done. */
function weightOf({ facets, times }: KindComparison): number {
  const differing = facets.findIndex(({ differs }) => differs);
  const timely = times.some(({ change }) => change === 'slower' || change === 'faster');
  return timely ? Math.min(differing < 0 ? facets.length : differing, TIMES_AS) : differing;
}

/** A change of times counts as much as one of the way. */
const TIMES_AS = FACETS.indexOf('way');

const ORDER: readonly Change[] = ['differs', 'only-before', 'only-after', 'within-chance', 'same'];

interface Pair {
  readonly before: Kind | undefined;
  readonly after: Kind | undefined;
}

/** Of those that only one recording has, two that differ in the Service's address alone are one. */
function pairs(before: ReadonlyMap<string, Kind>, after: ReadonlyMap<string, Kind>): Pair[] {
  const found: Pair[] = [];
  const gone = new Map<string, Kind[]>();
  for (const [key, kind] of before) {
    const same = after.get(key);
    if (same === undefined) push(gone, looseKeyOf(kind.asked), kind);
    else found.push({ before: kind, after: same });
  }
  const fresh = new Map<string, Kind[]>();
  for (const [key, kind] of after) if (!before.has(key)) push(fresh, looseKeyOf(kind.asked), kind);
  for (const [key, olds] of gone) {
    const news = fresh.get(key) ?? [];
    if (olds.length === 1 && news.length === 1) {
      found.push({ before: olds[0], after: news[0] });
      fresh.delete(key);
    } else found.push(...olds.map((kind) => ({ before: kind, after: undefined })));
  }
  for (const news of fresh.values()) found.push(...news.map((kind) => ({ before: undefined, after: kind })));
  return found;
}

function push<Item>(map: Map<string, Item[]>, key: string, item: Item): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

function compareKinds({ before, after }: Pair, changesOnly: boolean): KindComparison {
  const olds = before?.samples ?? [];
  const news = after?.samples ?? [];
  const asked = (after ?? before)?.asked as Asked;
  const facets = FACETS.map((facet) => compareFacet(facet, olds, news, changesOnly));
  const times = TIMINGS.flatMap((timing) => compareTimes(timing, olds, news));
  const few = Math.min(olds.length, news.length) < FEW;
  const moved = before !== undefined && after !== undefined && !sameAddress(before.asked, after.asked);
  return {
    asked,
    ...(moved && { askedBefore: before.asked }),
    change: changeOf({ before, after }, moved, few, facets, times),
    requests: { before: olds.length, after: news.length },
    few,
    facets,
    times,
  };
}

const sameAddress = (a: Asked, b: Asked): boolean => a.to === b.to && a.from === b.from;

const FEW = 5;

function changeOf(
  { before, after }: Pair,
  moved: boolean,
  few: boolean,
  facets: readonly FacetComparison[],
  times: readonly TimeComparison[],
): Change {
  if (before === undefined) return 'only-after';
  if (after === undefined) return 'only-before';
  const differing = facets.flatMap(({ values }) => values.filter(({ change }) => change !== 'same'));
  const timely = times.some(({ change }) => change === 'slower' || change === 'faster');
  if (!moved && !timely && differing.length === 0) return 'same';
  const certain = moved || timely || differing.some(({ mayBeChance }) => !mayBeChance);
  return certain || few ? 'differs' : 'within-chance';
}

/** Shares that chance gives more rarely than this are taken to have changed. */
const RARE = 0.01;
/** What one side alone has, and chance gives more often than this, may be chance. */
const USUAL = 0.05;

function compareFacet(
  facet: Facet,
  before: readonly Sample[],
  after: readonly Sample[],
  changesOnly: boolean,
): FacetComparison {
  const factsOf = (sample: Sample): readonly Fact[] =>
    facet === 'way' && changesOnly ? [sample.changes] : sample.facts[facet];
  const olds = countFacts(before, factsOf);
  const news = countFacts(after, factsOf);
  const facts = new Map([...olds.counts, ...news.counts]);
  const onBoth = before.length > 0 && after.length > 0;
  const values = [...facts].map(([text, { fact }]): ValueComparison => {
    const counts = { before: olds.counts.get(text)?.count ?? 0, after: news.counts.get(text)?.count ?? 0 };
    const chance = chanceOf(counts.before, olds.told, counts.after, news.told);
    const oneSided = counts.before === 0 ? 'new' : counts.after === 0 ? 'gone' : undefined;
    const change = onBoth ? (oneSided ?? (chance < RARE ? 'share' : 'same')) : 'same';
    return { fact, ...counts, change, mayBeChance: change !== 'same' && chance > USUAL };
  });
  values.sort((a, b) => b.before + b.after - (a.before + a.after));
  return { facet, differs: values.some(({ change }) => change !== 'same'), values };
}

interface Counted {
  readonly counts: Map<string, { fact: Fact; count: number }>;
  /** Samples. */
  readonly told: number;
}

function countFacts(samples: readonly Sample[], factsOf: (sample: Sample) => readonly Fact[]): Counted {
  const counts = new Map<string, { fact: Fact; count: number }>();
  for (const sample of samples) {
    for (const fact of factsOf(sample)) {
      const known = counts.get(fact.text);
      if (known === undefined) counts.set(fact.text, { fact, count: 1 });
      else known.count++;
    }
  }
  return { counts, told: samples.length };
}

/** The normal approximation of the ranks holds from about this many on each side. */
const ENOUGH = 8;
/** In standard deviations: one in a hundred. */
const FAR = 2.58;
/** A difference that is sure and smaller than this matters to nobody. */
const NOTABLE = 0.1;

function compareTimes(timing: Timing, before: readonly Sample[], after: readonly Sample[]): TimeComparison[] {
  const valuesOf = (samples: readonly Sample[]): number[] =>
    samples.flatMap(({ times }) => times[timing] ?? []).sort((a, b) => a - b);
  const olds = valuesOf(before);
  const news = valuesOf(after);
  if (olds.length === 0 && news.length === 0) return [];
  const spreads = {
    ...(olds.length > 0 && { before: spreadOf(olds) }),
    ...(news.length > 0 && { after: spreadOf(news) }),
  };
  return [{ timing, ...spreads, change: timeChange(olds, news) }];
}

function timeChange(before: readonly number[], after: readonly number[]): TimeComparison['change'] {
  if (before.length < ENOUGH || after.length < ENOUGH) return 'too-few';
  const distance = rankDistance(before, after);
  const from = spreadOf(before).median;
  const to = spreadOf(after).median;
  if (Math.abs(distance) < FAR || Math.abs(to - from) < NOTABLE * from) return 'same';
  return to > from ? 'slower' : 'faster';
}
