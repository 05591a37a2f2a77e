/** What fails, one line a Service and kind; below it the last one of the chosen, and what to do. */
import type { Controller } from './controller.ts';
import { glyph } from './glyphs.ts';
import type { Pane } from './layout.ts';
import { cell, fit, padTo, span, textOf, type Line, type Tone } from './paint.ts';
import type { Trouble } from './troubles.ts';
import { cut, wrap } from '../terminal/text.ts';
import { clock, count, failureWords, messageWords } from './words.ts';

const WIDTHS = { what: 23, share: 11, clients: 8, last: 8 };
/** Lines for the chosen one, its rule included. */
const ABOUT = 8;
const WIDE_FROM = 100;

export function troublePane(controller: Controller, pane: Pane): Line[] {
  const { groups } = controller.list.troubles;
  if (groups.length === 0) return padTo(none(pane.width), pane);
  const index = controller.chosenTrouble;
  const room = Math.max(1, pane.height - 1 - ABOUT);
  // The chosen one in the middle, as far as there are others around it.
  const top = Math.max(0, Math.min(index - Math.floor(room / 2), groups.length - room));
  const rows = groups
    .slice(top, top + room)
    .map((trouble, at) => row(trouble, pane.width, top + at === index));
  const chosen = groups[index];
  const table = padTo([header(pane.width), ...rows], { width: pane.width, height: room + 1 });
  return padTo([...table, ...(chosen === undefined ? [] : about(chosen, pane.width))], pane);
}

const none = (width: number): Line[] =>
  ['', 'Nothing has failed.', '', 'Esc goes back to the list.'].map((text) =>
    fit([span('    '), span(text)], width),
  );

function header(width: number): Line {
  return line(
    width,
    ['  WHAT FAILS, AND FOR WHOM', 'HOW', 'FAILED/ALL', 'CLIENTS', 'LAST'],
    ['head', 'head', 'head'],
  );
}

function row(trouble: Trouble, width: number, chosen: boolean): Line {
  const { whom, what, sort, failed, all, ports, clients, last } = trouble;
  const tone = TONES[sort];
  const share = sort === 'scan' ? `${count(ports)} ports` : `${count(failed)}/${count(all)}`;
  const mark = chosen ? glyph.cursor : sort === 'network' ? glyph.failed : ' ';
  const texts = [`${mark} ${whom}`, what, share, count(clients), clock(last.startedAt, false)];
  const whole = line(width, texts, [sort === 'network' ? 'name' : tone, tone, tone]);
  return chosen ? [span(textOf(whole), 'bar')] : whole;
}

const TONES: Readonly<Record<Trouble['sort'], Tone>> = { network: 'bad', server: 'warn', scan: 'faint' };

/** Names are cut in the middle, numbers stand at the right. */
function line(width: number, texts: readonly string[], tones: readonly Tone[]): Line {
  const [whom = '', what = '', share = '', clients = '', last = ''] = texts;
  const [first = 'plain', second = 'plain', third = 'plain'] = tones;
  const wide = width >= WIDE_FROM ? WIDTHS.clients + 1 : 0;
  const left = width - WIDTHS.what - WIDTHS.share - WIDTHS.last - wide - 4;
  const numbers = (text: string, room: number): string => cut(text, room).padStart(room);
  return fit(
    [
      cell(whom, left, first, 'middle'),
      span(' '),
      cell(what, WIDTHS.what, second),
      span(' '),
      span(numbers(share, WIDTHS.share), third),
      ...(wide > 0 ? [span(numbers(clients, WIDTHS.clients + 1), third)] : []),
      span('  '),
      cell(last, WIDTHS.last, third),
    ],
    width,
  );
}

/** Of the last one: what it was, where, and what to do next. */
function about(trouble: Trouble, width: number): Line[] {
  const title = span(`${glyph.rule}${glyph.rule} the last one `, 'faint');
  const rule: Line = [title, span(glyph.rule.repeat(Math.max(0, width - title.text.length)), 'faint')];
  const paragraphs = wordsAbout(trouble);
  const lines = paragraphs.flatMap(([text, tone]) =>
    text === '' ? [] : wrap(span(text).text, width - 2).map((part): Line => [span(' '), span(part, tone)]),
  );
  return [rule, ...lines].map((one) => fit(one, width));
}

function wordsAbout({ last, sort, what, ports }: Trouble): readonly (readonly [string, Tone])[] {
  if (sort === 'scan') {
    return [
      [
        `${last.client.ip} tried ${count(ports)} ports of ${last.dialled.name ?? last.dialled.ip} behind which nothing is.`,
        'plain',
      ],
      [
        `${glyph.then} A scanner of yours, or somebody who looks for a way in: see who ${last.client.ip} is.`,
        'good',
      ],
    ];
  }
  const asked = messageWords(last);
  if (sort === 'server') {
    return [[`${asked ?? ''} was answered ${what.replace('HTTP ', '')}: the network did its part.`, 'plain']];
  }
  const told = last.failure?.text ?? failureWords(last);
  return [
    [asked === undefined ? told : `${asked}: ${told}`, 'plain'],
    [last.failure === undefined ? '' : `${glyph.then} ${last.failure.next}`, 'good'],
  ];
}
