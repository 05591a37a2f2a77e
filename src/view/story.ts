/** A request in two lines, for screens too narrow for columns. */
import type { Request } from '../trace/request.ts';
import { glyph } from './glyphs.ts';
import { cell, fit, justify, lineWidth, span, type Line, type Span } from './paint.ts';
import { cut, widthOf } from '../terminal/text.ts';
import {
  askedFor,
  carriedAddress,
  clock,
  dialledWords,
  duration,
  endpoint,
  endpointTone,
  hasFailed,
  messageWords,
  outcome,
  resultTone,
  resultWords,
  rewritesIn,
  sourceSeen,
  verdictTone,
  verdictWords,
} from './words.ts';

/** Widths of what stands in columns here too. */
export const STORY = { time: 9, verdict: 12, state: 13 } as const;

/** @param client what stands for the client; absent: its name */
export function story(request: Request, width: number, mark: Span, client?: string): Line[] {
  const room = width - 2 - STORY.time - STORY.verdict - STORY.state - 1;
  const first: Line = [
    mark,
    cell(clock(request.startedAt, false), STORY.time, 'faint'),
    ...asked(request, room, client),
    span(' '),
    cell(verdictWords(request.clientIp), STORY.verdict, verdictTone(request.clientIp.verdict)),
    cell(resultWords(request), STORY.state, resultTone(request)),
  ];
  const indent = ' '.repeat(2 + STORY.time);
  const took = span(duration(request.durationMs), 'faint');
  const second = [span(indent), ...way(request, width - indent.length - lineWidth([took]) - 1), span(' ')];
  return [first, justify(second, [took], width)];
}

/** `client → what it asked for`, sharing the room: what one does not need the other may have. */
function asked(
  request: Request,
  room: number,
  client = span(endpoint(request.client, room >= 60)).text,
): Line {
  const arrow = ` ${glyph.arrow} `;
  const target = span(askedFor(request)).text;
  const half = Math.floor((room - arrow.length) / 2);
  const who = cut(client, Math.max(half, room - arrow.length - widthOf(target)), 'middle');
  const what = cut(target, room - arrow.length - widthOf(who), 'middle');
  const tone = messageWords(request) === undefined ? endpointTone(request.dialled) : 'strong';
  return fit([span(who), span(arrow, 'faint'), span(what, tone)], room);
}

/** A name is cut to this before it goes. */
const LEAST_NAME = 12;

/** `Service DNAT … · MASQ … → server  saw …`, or why it got no further. */
function way(request: Request, room: number): Line {
  const failed = hasFailed(request);
  const { text, tone } = outcome(request);
  const address = span(`  ${carriedAddress(request)}`, verdictTone(request.clientIp.verdict));
  // Why it failed comes first.
  const fits = !failed || widthOf(span(text).text) + lineWidth([address]) + 2 <= room;
  const carried = address.text.trim() !== '' && fits;
  const last: Line = carried ? [address] : [];
  const sign = failed ? span(`${glyph.failed} `, tone) : span(`${glyph.arrow} `, 'faint');
  const message = messageWords(request) !== undefined;
  const least = widthOf(span(rewritesIn(request, 0)).text) + 1;
  const beside = message ? least + LEAST_NAME + 1 : 0;
  const space = Math.max(LEAST_NAME, room - lineWidth(last) - 2 - beside);
  const served = cut(span(text).text, failed ? room : space, failed ? 'end' : 'middle');
  const tail: Line = served === '' ? [] : [sign, span(served, tone)];
  const target = message ? dialled(request, room - lineWidth(tail) - lineWidth(last) - least - 1) : [];
  const left = room - lineWidth(tail) - lineWidth(last) - lineWidth(target) - 1;
  const words = rewritesIn(request, left);
  const how = message && words.length > left ? '' : words;
  const none: Line = failed || message ? [] : [span('no rewrite ', 'faint')];
  const line: Line = [...target, ...(how === '' ? none : [span(`${how} `, 'change')]), ...tail, ...last];
  const seen = carried ? '' : sourceSeen(request);
  const saw: Line = seen === '' ? [] : [span(`  saw ${seen}`, 'faint')];
  const whole = lineWidth(line) + lineWidth(saw) <= room ? [...line, ...saw] : line;
  return fit(whole, Math.min(room, lineWidth(whole)));
}

/** What a message was sent to, if there is room for its name. */
function dialled(request: Request, width: number): Line {
  if (width < LEAST_NAME) return [];
  return [span(`${cut(span(dialledWords(request)).text, width, 'middle')} `, endpointTone(request.dialled))];
}
