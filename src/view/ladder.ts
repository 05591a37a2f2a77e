/** The hops of a request as rungs, leg by leg: when, what, where; below it what changed, and by which rule. */
import { exchangeWords } from '../trace/exchange-words.ts';
import { hopsOfLeg, jointsOf, legsOf, proxyName } from '../trace/legs.ts';
import type { Joint } from '../trace/legs.ts';
import type { Ends, Hop, Leg, Request, Rule } from '../trace/request.ts';
import { glyph } from './glyphs.ts';
import { lineWidth, span, type Line, type Span, type Tone } from './paint.ts';
import { wrap } from '../terminal/text.ts';
import { endpoint, placeOf } from './words.ts';

export function wayThere(request: Request, width: number): Line[] {
  const say = (hop: Hop, place: number): Saying => ({
    word: WORDS[hop.kind],
    remarks: remarksAt(request, place),
  });
  const joints = jointsOf(request);
  const legs = legsOf(request);
  const blocks = legs.map((leg, index) => {
    const joint = joints[index - 1];
    return [
      ...(joint === undefined ? [] : proxy(joint, request, width)),
      ...(legs.length === 1 ? [] : legTitle(leg, index, width)),
      ...rungs(hopsOfLeg(request, index), width, say),
    ];
  });
  return titled('WAY THERE', blocks.flat());
}

/** On the way back a translation is undone: what was DNAT restores the source, and the other way round. */
export function wayBack(request: Request, width: number): Line[] {
  const say = (hop: Hop): Saying => ({
    word: hop.kind === 'snat' ? 'un-DNAT' : hop.kind === 'dnat' ? 'un-SNAT' : WORDS[hop.kind],
    remarks: [],
  });
  const { replyHops } = request;
  const legs = [...new Set(replyHops.map(({ leg }) => leg))];
  const blocks = legs.map((leg) => [
    ...(legsOf(request).length === 1 ? [] : [[span(`LEG ${leg}`, 'strong')]]),
    ...rungs(
      replyHops.filter((hop) => hop.leg === leg).map((hop, place) => ({ hop, place })),
      width,
      say,
    ),
  ]);
  return titled('WAY BACK', blocks.flat());
}

const titled = (title: string, lines: Line[]): Line[] =>
  lines.length === 0 ? [] : [[span(title, 'head')], ...lines];

function remarksAt({ hops, clientIp, failure }: Request, place: number): Span[] {
  const kind = hops[place]?.kind;
  return [
    ...(clientIp.lostAtHop === place ? [LOST_HERE] : []),
    ...(failure?.atHop === place && kind !== 'drop' && kind !== 'reject' ? [FAILED_HERE] : []),
  ];
}

/** `LEG 1  who → whom  GET example.com/ping 200`, on two lines where one is too short. */
function legTitle({ client, dialled, http }: Leg, index: number, width: number): Line[] {
  const title = `LEG ${index}  `;
  const ends: Line = [
    span(title, 'strong'),
    span(endpoint(client, true)),
    span(` ${glyph.arrow} `, 'faint'),
    span(endpoint(dialled, true)),
  ];
  if (http === undefined) return [ends];
  const exchange = span(exchangeWords(http), 'name');
  const line = [...ends, span('  '), exchange];
  return lineWidth(line) <= width ? [line] : [ends, [span(' '.repeat(title.length)), exchange]];
}

/** Between two legs: who took the one and opened the other, and why they are thought to be one request. */
function proxy(joint: Joint, request: Request, width: number): Line[] {
  const { process: taker, at, joinedBy, from, hop: place } = joint;
  const hop = place === undefined ? undefined : request.hops[place];
  const sure = hop?.observed !== false;
  const head: Line = [
    span(timeOf(hop), 'faint'),
    span(`  ${glyph.proxy} ${`${sure ? '' : glyph.inferred}proxy`.padEnd(11)} `, 'change'),
    span(proxyName(joint), 'strong'),
    ...(taker === undefined ? [] : [span(` [${taker.pid}]`, 'name')]),
    ...(taker === undefined || at.name === undefined ? [] : [span(`  ${at.name}`, 'faint')]),
    ...(from === joint.to - 1 ? [] : [span(`  took leg ${from}`, 'faint')]),
  ];
  const why: Span[] =
    joinedBy === undefined
      ? []
      : [
          span(
            `${sure ? '' : `${glyph.inferred} `}joined by ${joinedBy.evidence}: ${joinedBy.text}`,
            sure ? 'plain' : 'faint',
          ),
        ];
  const remarks = place === undefined ? [] : remarksAt(request, place);
  return [[], head, ...below([...remarks, ...why], ' ', width), []];
}

interface Saying {
  readonly word: string;
  readonly remarks: readonly Span[];
}

const LOST_HERE = span(`${glyph.lost} here the client's address is lost`, 'warn');
const FAILED_HERE = span(`${glyph.failed} here it failed`, 'bad');

const WORDS: Readonly<Record<Hop['kind'], string>> = {
  device: 'device',
  dnat: 'DNAT',
  snat: 'SNAT',
  masquerade: 'MASQUERADE',
  redirect: 'REDIRECT',
  proxy: 'proxy',
  deliver: 'delivered',
  drop: 'DROPPED',
  reject: 'REJECTED',
};

interface Placed {
  readonly hop: Hop;
  /** Index into all hops of the way. */
  readonly place: number;
}

function rungs(hops: readonly Placed[], width: number, say: (hop: Hop, place: number) => Saying): Line[] {
  return hops.flatMap(({ hop, place }, index) => {
    const last = index === hops.length - 1;
    return rung(hop, hops[index - 1]?.hop, say(hop, place), last, width);
  });
}

const TIME = 12;

function rung(
  hop: Hop,
  before: Hop | undefined,
  { word, remarks }: Saying,
  last: boolean,
  width: number,
): Line[] {
  const { sign, tone } = styleOf(hop, remarks);
  const place = placeOf(hop);
  const head: Line = [
    span(timeOf(hop), 'faint'),
    span(`  ${sign} ${`${hop.observed ? '' : glyph.inferred}${word}`.padEnd(11)} `, tone),
    span(place, 'strong'),
    ...hook(hop),
    ...device(hop),
    ...(hop.node === undefined || hop.node === place ? [] : [span(`  on ${hop.node}`, 'faint')]),
  ];
  const details = [...process(hop), ...change(hop, before?.after), ...remarks, ...rules(hop)];
  return [head, ...below(details, last ? ' ' : glyph.line, width)];
}

const timeOf = (hop: Hop | undefined): string =>
  (hop?.atMs === undefined ? '' : `${hop.atMs.toFixed(3)} ms`).padStart(TIME);

/** What hangs below a rung, along its stem. */
function below(details: readonly Span[], sign: string, width: number): Line[] {
  const stem = span(`${' '.repeat(TIME + 2)}${sign} `, 'faint');
  return details.flatMap(({ text, tone }) =>
    wrap(text, width - TIME - 6).map((part, row): Line => [stem, span(row === 0 ? part : `  ${part}`, tone)]),
  );
}

function styleOf({ kind }: Hop, remarks: readonly Span[]): { sign: string; tone: Tone } {
  if (kind === 'drop' || kind === 'reject') return { sign: glyph.failed, tone: 'bad' };
  if (remarks.includes(FAILED_HERE)) return { sign: glyph.failed, tone: 'bad' };
  if (kind === 'device') return { sign: glyph.device, tone: 'faint' };
  if (kind === 'deliver') return { sign: glyph.deliver, tone: 'good' };
  return { sign: glyph.rewrite, tone: 'change' };
}

function hook(hop: Hop): Line {
  if (hop.hook === undefined) return [];
  return [span(`  ${hop.hookObserved === true ? '' : glyph.inferred}${hop.hook}`)];
}

function device(hop: Hop): Line {
  const { in: from, out: to } = hop.device ?? {};
  if (from === undefined && to === undefined) return [];
  if (to === undefined) return [span(`  in ${from ?? ''}`, 'faint')];
  return [span(from === undefined ? `  out ${to}` : `  ${from} ${glyph.arrow} ${to}`, 'faint')];
}

/** Who took it where it was delivered; anywhere else, who sent it. */
function process(hop: Hop): Span[] {
  if (hop.process === undefined) return [];
  const { comm, pid } = hop.process;
  return [span(`${hop.kind === 'deliver' ? 'to' : 'by'} ${comm} [${pid}]`, 'name')];
}

/** Only the end that changed; both where the packet is first seen, or seen last. */
function change(hop: Hop, arrived: Ends | undefined): Span[] {
  const { kind, before, after } = hop;
  if (kind === 'drop' || kind === 'reject') return both(after ?? before);
  if (before === undefined || after === undefined) return both(after ?? before);
  const changes = [
    ...(before.src === after.src ? [] : [`source       ${before.src} ${glyph.arrow} ${after.src}`]),
    ...(before.dst === after.dst ? [] : [`destination  ${before.dst} ${glyph.arrow} ${after.dst}`]),
  ];
  if (changes.length > 0) return changes.map((text) => span(text, 'change'));
  return arrived?.src === after.src && arrived.dst === after.dst ? [] : both(after);
}

function both(ends: Ends | undefined): Span[] {
  return ends === undefined ? [] : [span(`${ends.src} ${glyph.arrow} ${ends.dst}`)];
}

function rules({ rule, markedBy }: Hop): Span[] {
  return [
    ...(rule?.service === undefined ? [] : [span(`for ${rule.service}`, 'name')]),
    ...(rule === undefined ? [] : ruleLines(rule, 'by')),
    ...(markedBy === undefined ? [] : ruleLines(markedBy, 'marked by')),
  ];
}

const ruleLines = ({ family, table, via, chain, text }: Rule, did: string): Span[] => [
  span(`${did} ${family} ${table}: ${[...via, chain].join(` ${glyph.then} `)}`),
  span(text, 'faint'),
];
