/** The hops of a request as rungs: when, what, where; below it what changed, and by which rule. */
import type { Ends, Hop, Request } from '../trace/request.ts';
import { glyph } from './glyphs.ts';
import { span, type Line, type Span, type Tone } from './paint.ts';
import { wrap } from '../terminal/text.ts';
import { placeOf } from './words.ts';

export function wayThere(request: Request, width: number): Line[] {
  const { hops, clientIp, failure } = request;
  return ladder('WAY THERE', hops, width, (hop, index) => ({
    word: WORDS[hop.kind],
    remarks: [
      ...(clientIp.lostAtHop === index ? [LOST_HERE] : []),
      ...(failure?.atHop === index && hop.kind !== 'drop' && hop.kind !== 'reject' ? [FAILED_HERE] : []),
    ],
  }));
}

/** On the way back a translation is undone: what was DNAT restores the source, and the other way round. */
export function wayBack({ replyHops }: Request, width: number): Line[] {
  return ladder('WAY BACK', replyHops, width, (hop) => ({
    word: hop.kind === 'snat' ? 'un-DNAT' : hop.kind === 'dnat' ? 'un-SNAT' : WORDS[hop.kind],
    remarks: [],
  }));
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

function ladder(
  title: string,
  hops: readonly Hop[],
  width: number,
  say: (hop: Hop, index: number) => Saying,
): Line[] {
  if (hops.length === 0) return [];
  const rungs = hops.flatMap((hop, index) => {
    const before = hops[index - 1];
    const last = index === hops.length - 1;
    return [...leg(hop, before), ...rung(hop, before, say(hop, index), last, width)];
  });
  return [[span(title, 'head')], ...rungs];
}

function leg(hop: Hop, before: Hop | undefined): Line[] {
  return hop.leg === (before?.leg ?? 0) ? [] : [[span(`  leg ${hop.leg + 1}`, 'strong')]];
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
    span((hop.atMs === undefined ? '' : `${hop.atMs.toFixed(3)} ms`).padStart(TIME), 'faint'),
    span(`  ${sign} ${`${hop.observed ? '' : glyph.inferred}${word}`.padEnd(11)} `, tone),
    span(place, 'strong'),
    ...hook(hop),
    ...device(hop),
    ...(hop.node === undefined || hop.node === place ? [] : [span(`  on ${hop.node}`, 'faint')]),
  ];
  const stem = span(`${' '.repeat(TIME + 2)}${last ? ' ' : glyph.line} `, 'faint');
  const below = [...process(hop), ...change(hop, before?.after), ...remarks, ...rule(hop)].flatMap(
    ({ text, tone: own }) =>
      wrap(text, width - TIME - 6).map((part, row): Line => [
        stem,
        span(row === 0 ? part : `  ${part}`, own),
      ]),
  );
  return [head, ...below];
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

function rule({ rule: found }: Hop): Span[] {
  if (found === undefined) return [];
  const via = [...found.via, found.chain].join(` ${glyph.then} `);
  return [
    ...(found.service === undefined ? [] : [span(`for ${found.service}`, 'name')]),
    span(`by ${found.family} ${found.table}: ${via}`),
    span(found.text, 'faint'),
  ];
}
