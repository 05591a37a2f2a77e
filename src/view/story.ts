/** A request in two lines, for screens too narrow for columns. */
import type { Request } from '../trace/request.ts';
import { glyph } from './glyphs.ts';
import { cell, fit, justify, lineWidth, span, type Line, type Span } from './paint.ts';
import { cut, widthOf } from '../terminal/text.ts';
import {
  clock,
  dialledWords,
  duration,
  endpoint,
  endpointTone,
  hasFailed,
  outcome,
  rewritesIn,
  sourceSeen,
  stateTone,
  stateWords,
  verdictTone,
  verdictWords,
} from './words.ts';

/** Widths of what stands in columns here too. */
export const STORY = { time: 9, verdict: 12, state: 13 } as const;

export function story(request: Request, width: number, mark: Span): Line[] {
  const room = width - 2 - STORY.time - STORY.verdict - STORY.state - 1;
  const first: Line = [
    mark,
    cell(clock(request.startedAt, false), STORY.time, 'faint'),
    ...dialled(request, room),
    span(' '),
    cell(verdictWords(request.clientIp), STORY.verdict, verdictTone(request.clientIp.verdict)),
    cell(stateWords(request), STORY.state, stateTone(request)),
  ];
  const indent = ' '.repeat(2 + STORY.time);
  const took = span(duration(request.durationMs), 'faint');
  const second = [span(indent), ...way(request, width - indent.length - lineWidth([took]) - 1), span(' ')];
  return [first, justify(second, [took], width)];
}

/** `client → service`, sharing the room: what one does not need the other may have. */
function dialled(request: Request, room: number): Line {
  const arrow = ` ${glyph.arrow} `;
  const target = span(dialledWords(request)).text;
  const client = span(endpoint(request.client, room >= 60)).text;
  const half = Math.floor((room - arrow.length) / 2);
  const who = cut(client, Math.max(half, room - arrow.length - widthOf(target)), 'middle');
  const what = cut(target, room - arrow.length - widthOf(who), 'middle');
  return fit([span(who), span(arrow, 'faint'), span(what, endpointTone(request.dialled))], room);
}

/** `DNAT … · MASQ … → server  saw …`, or why it got no further. */
function way(request: Request, room: number): Line {
  const failed = hasFailed(request);
  const { text, tone } = outcome(request);
  const sign = failed ? span(`${glyph.failed} `, tone) : span(`${glyph.arrow} `, 'faint');
  const tail: Line = text === '' ? [] : [sign, span(text, tone)];
  const how = rewritesIn(request, room - lineWidth(tail) - 1);
  const none: Line = failed ? [] : [span('no rewrite ', 'faint')];
  const line: Line = [...(how === '' ? none : [span(`${how} `, 'change')]), ...tail];
  const seen = sourceSeen(request);
  const saw: Line = seen === '' ? [] : [span(`  saw ${seen}`, 'faint')];
  const whole = lineWidth(line) + lineWidth(saw) <= room ? [...line, ...saw] : line;
  return fit(whole, Math.min(room, lineWidth(whole)));
}
