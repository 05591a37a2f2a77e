/** The way hop by hop, leg by leg, and the way back. */
import { exchangeWords } from '../../trace/exchange-words.ts';
import { hopsOfLeg, jointsOf, legsOf, proxyName } from '../../trace/legs.ts';
import type { Joint } from '../../trace/legs.ts';
import type { Ends, Hop, Leg, Request, Rule } from '../../trace/request.ts';
import { REWRITES } from '../words.ts';
import { Names, paragraph, placeOf, sentence, whoIs } from './parts.ts';
import type { Paragraph, Section } from './parts.ts';

export interface WayOptions {
  /** The rules as their own tool prints them, too. */
  readonly rules: boolean;
}

export function wayThere(request: Request, options: WayOptions): Section[] {
  const legs = legsOf(request);
  const joints = jointsOf(request);
  const names = new Names(request);
  return legs.flatMap((leg, index): Section[] => {
    const joint = joints[index - 1];
    const hops = hopsOfLeg(request, index);
    const paragraphs = [
      ...(joint === undefined ? [] : jointLines(joint, request)),
      ...(joint === undefined ? [] : [paragraph(legLine(leg))]),
      ...(wasOpen(request, hops) ? [paragraph(OPEN_BEFORE)] : []),
      ...hops.flatMap(({ hop, place }, nth) =>
        stepThere(hop, hops[nth - 1]?.hop, remarkAt(request, place), names, options),
      ),
    ];
    if (paragraphs.length === 0) return [];
    return [{ title: joints.length === 0 ? 'THE WAY' : `THE WAY, leg ${String(index)}`, paragraphs }];
  });
}

/** On the way back a translation is undone: what was DNAT restores the source, and the other way round. */
export function wayBack(request: Request): Section[] {
  const names = new Names(request);
  const joined = legsOf(request).length > 1;
  const paragraphs = request.replyHops.flatMap((hop, index): Paragraph[] => {
    const before = request.replyHops[index - 1];
    const leg = joined && hop.leg !== before?.leg ? [paragraph(`On leg ${String(hop.leg)}:`)] : [];
    return [...leg, paragraph(sentence(stepBack(hop, before, names) + unseen(hop)), timeOf(hop))];
  });
  return paragraphs.length === 0 ? [] : [{ title: 'THE WAY BACK', paragraphs }];
}

const OPEN_BEFORE =
  'Its connection was open before; the way is that of the first packets, which every request on it takes.';

/** A request with a time of its own, over a connection whose hops have none. */
const wasOpen = ({ startedAt, http, dns }: Request, hops: readonly { hop: Hop }[]): boolean =>
  startedAt !== undefined &&
  (http ?? dns) !== undefined &&
  hops.length > 0 &&
  hops.every(({ hop }) => hop.atMs === undefined);

function legLine({ client, dialled, http }: Leg): string {
  const what = http === undefined ? '' : `: ${exchangeWords(http)}`;
  return sentence(`${whoIs(client)} dialled ${whoIs(dialled)}${what}`);
}

function jointLines(joint: Joint, request: Request): Paragraph[] {
  const { from, process, at, joinedBy, hop } = joint;
  const pid = process === undefined ? '' : ` [${String(process.pid)}]`;
  const where = process === undefined || at.name === undefined ? '' : ` in ${at.name}`;
  const seen = hop === undefined || request.hops[hop]?.observed === true;
  const why =
    joinedBy === undefined
      ? ''
      : ` ${seen ? 'Known' : 'Only concluded'} by ${joinedBy.evidence}: ${sentence(joinedBy.text)}`;
  const remark = hop === undefined ? '' : remarkAt(request, hop);
  return [
    paragraph(
      `The proxy ${proxyName(joint)}${pid}${where} took leg ${String(from)} and opened this one.${remark}${why}`,
    ),
  ];
}

function remarkAt({ clientIp, failure }: Request, place: number): string {
  if (clientIp.lostAtHop === place) return " <- Here the client's address is lost.";
  return failure?.atHop === place ? ' <- Here it failed.' : '';
}

function stepThere(
  hop: Hop,
  before: Hop | undefined,
  remark: string,
  names: Names,
  options: WayOptions,
): Paragraph[] {
  const text = sentence(stepWords(hop, before, names) + unseen(hop)) + remark;
  const rules = [
    ...(hop.rule === undefined ? ranLines(hop) : ruleLines(hop.rule, options)),
    ...(hop.markedBy === undefined ? [] : ruleLines(hop.markedBy, options, 'marked for it ')),
  ];
  return [paragraph(text, timeOf(hop)), ...rules.map((line) => paragraph(line, ''))];
}

/** In a column of twelve; what took longer than a minute and a half is told in seconds. */
function timeOf({ atMs }: Hop): string {
  if (atMs === undefined) return '';
  return atMs < 100_000 ? `${atMs.toFixed(3)} ms` : `${(atMs / 1_000).toFixed(1)} s`;
}

const unseen = (hop: Hop): string => (hop.observed ? '' : ' (not seen, but concluded)');

function stepWords(hop: Hop, before: Hop | undefined, names: Names): string {
  const place = placeOf(hop);
  const service = hop.rule?.service === undefined ? '' : ` for Service ${hop.rule.service}`;
  switch (hop.kind) {
    case 'dnat':
    case 'redirect':
      return `${rewriteWords(hop)}: ${place} changes the destination${changed(hop, 'dst', names)}${service}`;
    case 'snat':
    case 'masquerade':
      return `${rewriteWords(hop)}: ${place} changes the source${changed(hop, 'src', names)}${service}`;
    case 'deliver':
      return `It arrives in ${place}${takenBy(hop)}${asEnds(hop, before)}`;
    case 'drop':
      return `${place} drops it${whereWords(hop)}${service}${asEnds(hop, before)}`;
    case 'reject':
      return `${place} rejects it${whereWords(hop)}${service}${asEnds(hop, before)}`;
    case 'proxy':
      return `A proxy takes it in ${place}${takenBy(hop)}`;
    case 'device':
      return `${crossing(hop, place)}${asEnds(hop, before)}`;
  }
}

const rewriteWords = (hop: Hop): string => `${REWRITES[hop.kind] ?? hop.kind}${whereWords(hop)}`;

function stepBack(hop: Hop, before: Hop | undefined, names: Names): string {
  if (hop.kind === 'snat') return `${placeOf(hop)} puts the source back${changed(hop, 'src', names)}`;
  if (hop.kind === 'dnat') return `${placeOf(hop)} puts the destination back${changed(hop, 'dst', names)}`;
  return stepWords(hop, before, names);
}

function changed({ before, after }: Hop, end: keyof Ends, names: Names): string {
  const to = after === undefined ? '' : ` to ${names.of(after[end])}`;
  return `${before === undefined ? '' : ` from ${before[end]}`}${to}`;
}

const takenBy = ({ process }: Hop): string =>
  process === undefined ? '' : `, to ${process.comm} [${String(process.pid)}]`;

function crossing({ device, process }: Hop, place: string): string {
  const { in: from, out: to } = device ?? {};
  const by = process === undefined ? '' : `${process.comm} [${String(process.pid)}] in ${place} sends it`;
  if (to !== undefined && process !== undefined) return `${by} out by ${to}`;
  if (to !== undefined && from !== undefined) return `It crosses ${place}, in by ${from}, out by ${to}`;
  if (to !== undefined) return `It leaves ${place} by ${to}`;
  return from === undefined ? by || `It passes ${place}` : `It comes to ${place} by ${from}`;
}

/** The addresses, where the step before did not tell them. */
function asEnds({ before, after }: Hop, previous: Hop | undefined): string {
  const ends = after ?? before;
  const told = previous?.after ?? previous?.before;
  if (ends === undefined || (told?.src === ends.src && told.dst === ends.dst)) return '';
  return `, from ${ends.src} to ${ends.dst}`;
}

function whereWords(hop: Hop): string {
  const hook = hookOf(hop);
  return hook === undefined ? '' : ` in ${hook}`;
}

const hookOf = ({ hook, hookObserved }: Hop): string | undefined =>
  hook === undefined || hookObserved === true ? hook : `~${hook}`;

/** Of a rule that is not among those read: what the kernel came by. */
function ranLines({ evaluated }: Hop): string[] {
  if (evaluated === undefined) return [];
  const comment = evaluated.comment === undefined ? [] : [`the comment "${evaluated.comment}"`];
  const chain = evaluated.chains.length === 0 ? [] : [`chain ${evaluated.chains.join(' › ')}`];
  return [`by a rule that is not known; the kernel came by ${[...comment, ...chain].join(' and ')}`];
}

function ruleLines(rule: Rule, { rules }: WayOptions, did = ''): string[] {
  const chains = [...rule.via, rule.chain].filter((chain, i, all) => chain !== all[i - 1]);
  const comment = rule.comment === undefined || rule.comment === rule.service ? '' : ` ("${rule.comment}")`;
  return [
    `${did}by ${rule.family} ${rule.table}: ${chains.join(' › ')}${comment}${rule.source === 'kernel' ? ', as the kernel ran it' : ''}`,
    ...(rules ? [rule.text] : []),
  ];
}
