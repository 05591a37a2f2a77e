/** `nathop diff -o json`: a kind of request a line, keys in the schema's order. */
import type { Asked } from '../../compare/asked.ts';
import type { KindComparison, TimeComparison, ValueComparison } from '../../compare/compare.ts';
import type { Facet, Timing } from '../../compare/sample.ts';
import type { Spread } from '../../compare/statistics.ts';
import { safeJson } from '../json.ts';
import type { ComparisonLine } from './schema.ts';

export const comparisonLine = (kind: KindComparison): string => safeJson(lineOf(kind));

function lineOf(kind: KindComparison): ComparisonLine {
  const valuesOf = (facet: Facet): readonly ValueComparison[] =>
    kind.facets.find((one) => one.facet === facet)?.values ?? [];
  const countsOf = (facet: Facet): ComparisonLine['outcome'] => valuesOf(facet).map(counted);
  return {
    v: 1,
    asked: askedOf(kind.asked),
    ...(kind.askedBefore && { askedBefore: askedOf(kind.askedBefore) }),
    change: kind.change,
    requests: { before: kind.requests.before, after: kind.requests.after },
    clientIp: countsOf('clientIp'),
    outcome: countsOf('outcome'),
    httpStatus: countsOf('httpStatus'),
    way: valuesOf('way').map((value) => ({ ...counted(value), steps: [...(value.fact.steps ?? [])] })),
    rules: valuesOf('rules').flatMap((value) => {
      if (value.fact.rule === undefined) return [];
      const { place, ...rule } = value.fact.rule;
      return [{ ...counted(value), place, rule }];
    }),
    server: countsOf('server'),
    times: timesOf(kind.times),
  };
}

const askedOf = ({ protocol, from, service, to, what }: Asked): ComparisonLine['asked'] => ({
  protocol,
  from,
  ...(service !== undefined && { service }),
  to,
  ...(what !== undefined && { what }),
});

const counted = ({
  fact,
  before,
  after,
  change,
  mayBeChance,
}: ValueComparison): ComparisonLine['outcome'][number] => ({
  value: fact.text,
  before,
  after,
  change,
  mayBeChance,
});

type Measured = NonNullable<ComparisonLine['times'][Timing]>;

function timesOf(times: readonly TimeComparison[]): ComparisonLine['times'] {
  const laid: ComparisonLine['times'] = {};
  for (const { timing, before, after, change } of times) {
    laid[timing] = {
      ...(before && { before: spread(before) }),
      ...(after && { after: spread(after) }),
      change,
    };
  }
  return laid;
}

const spread = ({ count, median, quarter, threeQuarters, p95 }: Spread): NonNullable<Measured['before']> => ({
  count,
  medianMs: micros(median),
  p25Ms: micros(quarter),
  p75Ms: micros(threeQuarters),
  p95Ms: micros(p95),
});

/** Microseconds are what the clock of the probes is good for. */
const micros = (ms: number): number => Math.round(ms * 1_000) / 1_000;
