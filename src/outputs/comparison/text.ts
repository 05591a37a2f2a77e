/** `nathop diff` for people: what differs, kind of request by kind, under the Service that was asked. */
import type { Colors } from 'picocolors/types.js';
import type { Asked } from '../../compare/asked.ts';
import type {
  Change,
  Comparison,
  FacetComparison,
  KindComparison,
  TimeComparison,
  ValueComparison,
} from '../../compare/compare.ts';
import type { Fact, Facet, Timing } from '../../compare/sample.ts';
import { pad, printable, widthOf, wrap } from '../../terminal/text.ts';

export interface ComparisonTextOptions {
  readonly colors: Colors;
  /** In cells. */
  readonly width: number;
  /** Also what is the same, and what may be chance. */
  readonly all: boolean;
  readonly names: { readonly before: string; readonly after: string };
}

const FACET_WORDS: Readonly<Record<Facet, string>> = {
  clientIp: 'client IP',
  outcome: 'outcome',
  httpStatus: 'HTTP status',
  way: 'way',
  rules: 'rules',
  server: 'served by',
};
const TIME_WORDS: Readonly<Record<Timing, string>> = {
  connect: 'connect',
  firstByte: 'first byte',
  duration: 'duration',
};

const LEAST_WIDTH = 50;
const LABEL = 16;
const COUNTS = 12;

export function* comparisonLines(comparison: Comparison, options: ComparisonTextOptions): Generator<string> {
  const { colors, names, all } = options;
  const layout = { ...options, width: Math.max(LEAST_WIDTH, options.width) };
  const { before, after, kinds } = comparison;
  const plain = (text: string): string[] => wrap(printable(text), layout.width);
  yield* plain(`${names.before} → ${names.after}`).map((line) => colors.bold(line));
  yield* plain(`${String(before.requests)} → ${String(after.requests)} requests; ${kindWords(kinds)}`);
  if (before.changesOnly || after.changesOnly) {
    yield* plain(
      `Ways are compared by their rewrites alone: ${blindWords(before.changesOnly, after.changesOnly)} recorded without devices.`,
    );
  }
  const shown = kinds.filter(({ change }) => all || (change !== 'same' && change !== 'within-chance'));
  for (const [heading, under] of groupedByService(shown)) {
    yield '';
    yield* plain(heading).map((line) => colors.bold(line));
    yield* groupLines(under, layout);
  }
  if (
    shown.some((kind) => kind.facets.some(({ values }) => values.some((value) => isDoubtful(value, kind))))
  ) {
    yield '';
    yield* plain('? in so few requests that chance may explain it').map((line) => colors.dim(line));
  }
}

const blindWords = (before: boolean, after: boolean): string =>
  before && after ? 'both were' : before ? 'the first was' : 'the second was';

const CHANGE_WORDS: Readonly<Record<Change, string>> = {
  differs: 'differ',
  'only-before': 'only before',
  'only-after': 'only after',
  'within-chance': 'differ as chance may have it',
  same: 'the same',
};

/** `12 kinds: 2 differ, 1 only after, 9 the same`. */
function kindWords(kinds: readonly KindComparison[]): string {
  const counts = (Object.keys(CHANGE_WORDS) as Change[]).flatMap((change) => {
    const count = kinds.filter((kind) => kind.change === change).length;
    return count === 0 ? [] : [`${String(count)} ${CHANGE_WORDS[change]}`];
  });
  if (kinds.length === 0) return 'nothing to compare';
  return `${String(kinds.length)} ${kinds.length === 1 ? 'kind' : 'kinds'}: ${counts.join(', ')}`;
}

function groupedByService(kinds: readonly KindComparison[]): Map<string, KindComparison[]> {
  const groups = new Map<string, KindComparison[]>();
  for (const kind of kinds) {
    const heading = kind.asked.service ?? kind.asked.to;
    const group = groups.get(heading);
    if (group === undefined) groups.set(heading, [kind]);
    else group.push(kind);
  }
  return groups;
}

type Layout = Pick<ComparisonTextOptions, 'colors' | 'width' | 'all'>;

/** Rules are shared by all that asks for the Service, so they stand below, once. */
function* groupLines(kinds: readonly KindComparison[], layout: Layout): Generator<string> {
  const { all } = layout;
  const others = kinds.filter((kind) => all || kind.change !== 'differs' || !isByRulesAlone(kind));
  for (const kind of others) yield* kindLines(kind, layout);
  const alone = kinds.length - others.length;
  if (alone > 0) {
    const more = others.length === 0 ? '' : 'more ';
    yield* wrap(
      `${String(alone)} ${more}${alone === 1 ? 'kind of request goes' : 'kinds of requests go'} by other rules, and nothing else differs`,
      layout.width - 2,
    ).map((line) => `  ${line}`);
  }
  const rules = ruleLines(kinds, layout);
  if (rules.length > 0) yield* labelled('rules', rules, layout);
}

const isByRulesAlone = ({ askedBefore, facets, times }: KindComparison): boolean =>
  askedBefore === undefined &&
  facets.every(({ facet, differs }) => facet === 'rules' || !differs) &&
  times.every(({ change }) => change === 'same' || change === 'too-few');

function ruleLines(kinds: readonly KindComparison[], { colors, all }: Layout): PaintedText[] {
  const rules = new Map<string, ValueComparison>();
  for (const { facets, change } of kinds) {
    if (change === 'only-before' || change === 'only-after') continue;
    for (const value of facets.find(({ facet }) => facet === 'rules')?.values ?? []) {
      const known = rules.get(value.fact.text);
      if (value.change === 'gone' || value.change === 'new' || all)
        rules.set(value.fact.text, known ?? value);
    }
  }
  const values = [...rules.values()].sort(byPlace);
  const chains = values.map(({ fact: { rule } }) => (rule === undefined ? '' : chainWords(rule)));
  return values.map((value, index): PaintedText => {
    const words = chains[index] ?? '';
    // What stands in the same chains before and after differs in its text.
    const whole = all || chains.some((other, at) => at !== index && other === words);
    const text = whole && value.fact.rule !== undefined ? `${words}: ${value.fact.rule.text}` : words;
    return [`${SIGNS[value.change]} ${printable(text)}`, paintOf(value.change, colors)];
  });
}

/** What went before what came. */
function byPlace(a: ValueComparison, b: ValueComparison): number {
  const [one = '', other = ''] = [a, b].map(({ fact }) => fact.rule?.place);
  return one < other ? -1 : one > other ? 1 : ORDER.indexOf(a.change) - ORDER.indexOf(b.change);
}

const ORDER: readonly ValueComparison['change'][] = ['gone', 'new', 'share', 'same'];

/** `node-a, ip nat: PREROUTING › KUBE-SERVICES › KUBE-SVC-…`. */
const chainWords = ({ place, family, table, via, chain }: NonNullable<Fact['rule']>): string =>
  `${place}, ${family} ${table}: ${[...via, chain].join(' › ')}`;

function* kindLines(kind: KindComparison, layout: Layout): Generator<string> {
  const { colors, width, all } = layout;
  const { asked, askedBefore, change, requests, few, facets, times } = kind;
  const counts = `${String(requests.before)} → ${String(requests.after)}${few && change === 'differs' ? ', few' : ''}`;
  const room = width - 2 - counts.length - 2;
  const [first = '', ...rest] = wrap(printable(askedWords(asked)), room);
  yield `  ${pad(first, room)}  ${counts}`;
  for (const line of rest) yield `    ${line}`;
  if (askedBefore !== undefined) {
    const words = `~ before: ${printable(askedWords(askedBefore))}`;
    yield* labelled('asked', [[words, colors.yellow]], layout);
  }
  if (change === 'only-before') yield* labelled('', [['- nobody asked this after', colors.red]], layout);
  if (change === 'only-after') yield* labelled('', [['+ nobody asked this before', colors.green]], layout);
  for (const facet of facets) {
    if (facet.facet === 'rules') continue;
    const lines = facetLines(facet, kind, layout);
    if (lines.length > 0) yield* labelled(FACET_WORDS[facet.facet], lines, layout);
  }
  for (const time of times) {
    if (all || time.change === 'slower' || time.change === 'faster') {
      yield* labelled(TIME_WORDS[time.timing], [timeLine(time, layout)], layout);
    }
  }
}

/** `tcp GET example.com/a/* from external 198.51.100.0/24 to 10.100.0.2:32213`. */
const askedWords = ({ protocol, from, to, what }: Asked): string =>
  `${protocol} ${what === undefined ? '' : `${what} `}from ${from} to ${to}`;

type Paint = (text: string) => string;
type PaintedText = readonly [text: string, paint: Paint];

function facetLines(
  { values, differs }: FacetComparison,
  kind: KindComparison,
  layout: Layout,
): PaintedText[] {
  const { colors, all } = layout;
  const oneSided = kind.change === 'only-before' || kind.change === 'only-after';
  if (!differs && !all && !oneSided) return [];
  return values.map((value): PaintedText => {
    const text = `${SIGNS[value.change]} ${pad(shareWords(value, kind), COUNTS)}${printable(value.fact.text)}`;
    return [text, paintOf(value.change, colors)];
  });
}

const SIGNS: Readonly<Record<ValueComparison['change'], string>> = {
  gone: '-',
  new: '+',
  share: '~',
  same: '=',
};

function paintOf(change: ValueComparison['change'], colors: Colors): Paint {
  if (change === 'gone') return colors.red;
  if (change === 'new') return colors.green;
  return change === 'share' ? colors.yellow : (text) => text;
}

/** Where there are few of a kind that is said once, of all. */
const isDoubtful = ({ mayBeChance }: ValueComparison, { few }: KindComparison): boolean =>
  mayBeChance && !few;

/** `6/10 → 2/10`, of one side alone `6/10`; `?` where chance may explain it. */
function shareWords(value: ValueComparison, kind: KindComparison): string {
  const { before, after, change } = value;
  const { requests } = kind;
  const old = `${String(before)}/${String(requests.before)}`;
  const fresh = `${String(after)}/${String(requests.after)}`;
  const doubt = isDoubtful(value, kind) ? '?' : '';
  if (change === 'gone' || requests.after === 0) return old + doubt;
  if (change === 'new' || requests.before === 0) return fresh + doubt;
  return `${old} → ${fresh}${doubt}`;
}

/** `slower  1.20 → 4.50 ms (0.9-1.4 → 4.1-5.0) of 10, 10`. */
function timeLine({ before, after, change }: TimeComparison, { colors }: Layout): PaintedText {
  const medians = [before, after].map((spread) => (spread === undefined ? 'none' : ms(spread.median)));
  const spreads = [before, after].map((s) =>
    s === undefined ? 'none' : `${ms(s.quarter)} to ${ms(s.threeQuarters)}`,
  );
  const counts = `${String(before?.count ?? 0)} and ${String(after?.count ?? 0)} measured`;
  const word =
    change === 'too-few' ? 'too few to tell: ' : change === 'same' ? 'no difference: ' : `${change}: `;
  const paint: Paint = change === 'slower' ? colors.red : change === 'faster' ? colors.green : (text) => text;
  return [`${word}median ${medians.join(' → ')} ms, half lie in ${spreads.join(' → ')} ms, ${counts}`, paint];
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function* labelled(
  label: string,
  texts: readonly PaintedText[],
  { colors, width }: Layout,
): Generator<string> {
  let title = label;
  for (const [text, paint] of texts) {
    // The sign, and of a share its counts, stand out in front of what is wrapped.
    const [hanging = ''] = /^[-+~=] (?:\d+\/\d+(?: → \d+\/\d+)?\?? +)?/.exec(text) ?? [];
    const indent = ' '.repeat(widthOf(hanging));
    for (const [index, line] of wrap(text.slice(hanging.length), width - LABEL - indent.length).entries()) {
      yield colors.dim(pad(`    ${title}`, LABEL)) + paint((index === 0 ? hanging : indent) + line);
      title = '';
    }
  }
}
