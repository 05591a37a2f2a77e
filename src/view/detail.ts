/** One request's whole story: who, the verdict, what failed, the name, the way there and back, what is inferred. */
import { outcomeWord, responsibleWords } from '../trace/remedies/words.ts';
import type { Carrier, Endpoint, Remedy, Request } from '../trace/request.ts';
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
  messageWords,
  placeOf,
  resultTone,
  resultWords,
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
    failure(request, width),
    who(request, width),
    verdict(request, width),
    lookup(request, width),
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
    ...message(request, width),
    ...field('dialled', [described(request.dialled), span(` ${request.protocol}`, 'faint')], width),
    ...field('served by', [described(request.server)], width),
    ...field('server saw', [described(request.sourceSeenByServer)], width),
    ...field('state', [span(stateWords(request).trim(), stateTone(request)), ...timing(request)], width),
  ];
}

/** What was asked and answered, where it was read. */
function message(request: Request, width: number): Line[] {
  const words = messageWords(request);
  if (words === undefined) return [];
  const { http, tls } = request;
  const facts = [
    http?.firstByteMs === undefined ? '' : `first byte after ${duration(http.firstByteMs)}`,
    http?.tls === true ? `over TLS${http.sni === undefined ? '' : ` for ${http.sni}`}` : '',
    http?.requestId === undefined ? '' : `request id ${http.requestId}`,
    http === undefined && tls !== undefined && tls.alpn.length > 0 ? `offers ${tls.alpn.join(', ')}` : '',
  ].filter((fact) => fact !== '');
  const answer =
    http?.status === undefined ? [] : [span(`  ${resultWords(request).trim()}`, resultTone(request))];
  return [
    ...field('asked for', [span(words, 'strong'), ...answer], width),
    ...(facts.length === 0 ? [] : paragraph(facts.join(`  ${glyph.dot}  `), width, 'faint')),
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
  const where = place === '' ? '' : `${clientIp.verdict === 'lost' ? '' : ', lost'} at ${place}`;
  const words = `${verdictWords(clientIp)}${where}${cause === '' ? '' : `: ${cause}`}`;
  return [
    ...field('client IP', [span(words, tone)], width),
    ...paragraph(clientIp.text, width),
    ...(clientIp.responsible === undefined
      ? []
      : paragraph(`set in ${responsibleWords(clientIp.responsible)}`, width, 'faint')),
    ...clientIp.carriers.flatMap((carrier) => carried(carrier, width)),
    ...clientIp.remedies.flatMap((remedy) => remedyLines(remedy, width)),
  ];
}

function remedyLines({ text, breaks, whatIf }: Remedy, width: number): Line[] {
  const part = (words: string, tone: Tone): Line[] => hanging(`  ${words}`, width, tone);
  return [
    ...hanging(`${glyph.then} ${text}`, width, 'good'),
    ...(whatIf === undefined ? [] : part(`computed: ${outcomeWord(whatIf)}; ${whatIf.text}`, 'plain')),
    ...(breaks === '' ? [] : part(`but: ${breaks}`, 'warn')),
  ];
}

/** One header: whom it names, on which leg, and who put that there. */
function carried({ kind, values, entries, leg, isClient }: Carrier, width: number): Line[] {
  const words = values.map((value, at) => {
    const entry = entries?.[at];
    if (entry === undefined) return value;
    return `${value} (by ${entry.from === 'client-itself' ? 'the client itself' : (entry.addedBy ?? 'a proxy')})`;
  });
  const sign = isClient ? glyph.carried : glyph.forged;
  const whose = isClient ? 'the client' : 'not the client';
  return paragraph(
    `${sign} leg ${leg}  ${kind}  ${words.join(', ')}  ${glyph.then} ${whose}`,
    width,
    isClient ? 'good' : 'bad',
  );
}

/** The name that was asked for before the dial, or that the request itself asks for. */
function lookup({ dns }: Request, width: number): Line[] {
  if (dns === undefined) return [];
  const { name, type, rcode, answers, resolver, server, tried = [], durationMs } = dns;
  const took = durationMs === undefined ? '' : ` in ${duration(durationMs)}`;
  const asked = [
    resolver === undefined ? '' : `asked ${endpoint(resolver, true)}`,
    server === undefined ? '' : `answered by ${endpoint(server, false)}${took}`,
  ].filter((part) => part !== '');
  const came: Line =
    rcode === undefined
      ? [span('no answer seen', 'bad')]
      : [span([rcode, ...answers].join(' '), rcode === 'NOERROR' ? 'plain' : 'bad')];
  return [
    ...field('name', [span(`${name} `, 'name'), span(`${type}  `, 'faint'), ...came], width),
    ...(asked.length === 0 ? [] : paragraph(asked.join(', '), width, 'faint')),
    ...tried.flatMap((one) =>
      paragraph(`tried before: ${one.name} ${one.type} ${one.rcode ?? 'no answer'}`, width, 'faint'),
    ),
  ];
}

/** What broke, before all else: which kind, where, what speaks for it, and what to do next. */
function failure(request: Request, width: number): Line[] {
  if (request.failure === undefined) return [];
  const { kind, detail: closer, text, reason, atHop, evidence, next } = request.failure;
  const words = closer === undefined ? kind : `${kind}, ${closer}`;
  const place = placeOf(atHop === undefined ? undefined : request.hops[atHop]);
  const where = place === '' ? '' : ` at ${place}${atHop === undefined ? '' : `, hop ${atHop + 1}`}`;
  return [
    ...field(
      'failed',
      [span(`${glyph.failed} ${words}`, 'bad'), span(where), span(`  ${reason}`, 'faint')],
      width,
    ),
    ...paragraph(text, width),
    ...evidence.flatMap((seen) => paragraph(`${glyph.dot} ${seen}`, width, 'faint')),
    ...paragraph(`${glyph.then} ${next}`, width, 'good'),
  ];
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

const INDENT = 13;

function paragraph(text: string, width: number, tone: Tone = 'plain'): Line[] {
  return wrap(span(text).text, width - INDENT).map((part) => [span(' '.repeat(INDENT)), span(part, tone)]);
}

/** Two cells stand before the words of the first line, and blank before those of the others. */
function hanging(text: string, width: number, tone: Tone): Line[] {
  return wrap(span(text.slice(2)).text, width - INDENT - 2).map((part, row) => [
    span(' '.repeat(INDENT)),
    span(`${row === 0 ? text.slice(0, 2) : '  '}${part}`, tone),
  ]);
}
