/** One request's whole story: who, the verdict, what failed, the way there and back, what is inferred. */
import type { Endpoint, Request } from '../trace/request.ts';
import { formatEndpoint } from '../events/tuple.ts';
import { glyph } from './glyphs.ts';
import { wayBack, wayThere } from './ladder.ts';
import { fit, span, type Line, type Span, type Tone } from './paint.ts';
import { wrap } from '../terminal/text.ts';
import {
  causeWords,
  clock,
  dialledWords,
  duration,
  endpoint,
  isOpen,
  placeOf,
  stateTone,
  stateWords,
  verdictTone,
  verdictWords,
} from './words.ts';

export function detailTitle(request: Request): Line {
  return [
    span(endpoint(request.client, true), 'strong'),
    span(` ${glyph.arrow} `, 'faint'),
    span(dialledWords(request), 'strong'),
  ];
}

export function detail(request: Request, width: number): Line[] {
  const blocks = [
    who(request, width),
    verdict(request, width),
    failure(request, width),
    wayThere(request, width),
    wayBack(request, width),
    notes(request, width),
  ].filter((block) => block.length > 0);
  return blocks
    .flatMap((block, index) => (index === 0 ? block : [[], ...block]))
    .map((line) => fit(line, width));
}

function who(request: Request, width: number): Line[] {
  return [
    ...field('client', [described(request.client)], width),
    ...field('dialled', [described(request.dialled), span(` ${request.protocol}`, 'faint')], width),
    ...field('served by', [described(request.server)], width),
    ...field('server saw', [described(request.sourceSeenByServer)], width),
    ...field('state', [span(stateWords(request).trim(), stateTone(request)), ...timing(request)], width),
  ];
}

/** Name, address and kind: the detail pane leaves nothing out. */
function described(end: Endpoint | undefined): Span {
  if (end === undefined) return span('not seen', 'faint');
  const { ip, port, kind, name, portName, node } = end;
  const place = node === undefined || node === name ? '' : ` on ${node}`;
  const about = kind === 'unknown' ? place.trim() : `${kind}${place}`;
  const words = [
    name === undefined || portName === undefined ? name : `${name}:${portName}`,
    formatEndpoint(ip, port ?? 0),
    about === '' ? undefined : `(${about})`,
  ];
  return span(words.filter((word) => word !== undefined).join('  '));
}

function timing(request: Request): Line {
  const words = [
    request.startedAt === undefined ? 'began before the trace' : `since ${clock(request.startedAt, true)}`,
    lasted(request),
    request.retransmits === 0
      ? ''
      : `sent again ${request.retransmits} ${request.retransmits === 1 ? 'time' : 'times'}`,
  ].filter((part) => part !== '');
  return [span(`  ${words.join(`  ${glyph.dot}  `)}`, 'faint')];
}

function lasted(request: Request): string {
  if (request.durationMs === undefined) return '';
  return `${isOpen(request) ? 'open for' : 'took'} ${duration(request.durationMs)}`;
}

function verdict(request: Request, width: number): Line[] {
  const { clientIp } = request;
  const tone = verdictTone(clientIp.verdict);
  const cause = causeWords(clientIp.cause);
  const place = placeOf(clientIp.lostAtHop === undefined ? undefined : request.hops[clientIp.lostAtHop]);
  const where = place === '' ? '' : ` at ${place}`;
  const words = `${verdictWords(clientIp)}${where}${cause === '' ? '' : `: ${cause}`}`;
  return [
    ...field('client IP', [span(words, tone)], width),
    ...paragraph(clientIp.text, width),
    ...clientIp.remedies.flatMap((remedy) => [
      ...paragraph(`${glyph.then} ${remedy.text}`, width, 'good'),
      ...(remedy.breaks === '' ? [] : paragraph(`  but: ${remedy.breaks}`, width, 'warn')),
    ]),
  ];
}

function failure(request: Request, width: number): Line[] {
  if (request.failure === undefined) return [];
  const { kind, text, reason } = request.failure;
  const lines = field(
    'failed',
    [span(`${glyph.failed} ${kind}`, 'bad'), span(`  ${reason}`, 'faint')],
    width,
  );
  return [...lines, ...paragraph(text, width)];
}

function notes(request: Request, width: number): Line[] {
  const lost =
    request.lostEvents === 0
      ? []
      : paragraph(
          `${glyph.lost} ${request.lostEvents} lost events may have hit this request: it may be incomplete.`,
          width,
          'bad',
        );
  const inferred = request.inferred.flatMap((text) =>
    paragraph(`${glyph.inferred} inferred: ${text}`, width, 'faint'),
  );
  const hooks = [...request.hops, ...request.replyHops].some((hop) => hop.hookObserved === false);
  const marked = hooks
    ? paragraph(
        `${glyph.inferred} before a hook: not observed, but follows from the packet's direction`,
        width,
        'faint',
      )
    : [];
  return [...lost, ...inferred, ...marked];
}

function field(name: string, value: Line, width: number): Line[] {
  return [fit([span(` ${name.padEnd(11)} `, 'faint'), ...value], width)];
}

function paragraph(text: string, width: number, tone: Tone = 'plain'): Line[] {
  const indent = ' '.repeat(13);
  return wrap(span(text).text, width - 13).map((part) => [span(indent), span(part, tone)]);
}
