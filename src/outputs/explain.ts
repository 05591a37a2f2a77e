/** `nathop explain`: each request as a story, wrapped to the terminal. */
import type { Colors } from 'picocolors/types.js';
import { cut, pad, printable, widthOf, wrap } from '../terminal/text.ts';
import type { Request } from '../trace/request.ts';
import { jsonOutput } from './json.ts';
import type { Output } from './output.ts';
import { paintState, paintVerdict } from './paint.ts';
import type { Paragraph, Section } from './story/parts.ts';
import { storyOf } from './story/story.ts';
import { timeOf } from './words.ts';

export interface ExplainOptions {
  readonly colors: Colors;
  /** Of the terminal, in cells; asked for each request, since it may change. */
  readonly width: () => number;
  /** The rules as their own tool prints them, too. */
  readonly rules: boolean;
}

/** Narrower than this, a column of times would leave no room for words. */
const LEAST_WIDTH = 40;
const INDENT = '  ';
const LABEL = 14;

export function explainOutput({ colors, width, rules }: ExplainOptions): Output {
  return {
    header: () => undefined,
    render: (request) => {
      const room = Math.max(LEAST_WIDTH, width());
      const [first, ...others] = storyOf(request, { rules }).map((section) =>
        sectionLines(colors, request, section, room),
      );
      return [
        rule(colors, request, room),
        ...(first ?? []),
        ...others.flatMap((lines) => ['', ...lines]),
        '',
      ].join('\n');
    },
  };
}

/** The request, and the same story as an array of unwrapped lines under `story`. */
export const explainJsonOutput = (): Output =>
  jsonOutput((request) =>
    storyOf(request, { rules: true }).flatMap(({ title, paragraphs }) => [
      ...(title === undefined ? [] : [printable(title)]),
      ...paragraphs.map(({ label = '', text }) => (label === '' ? text : `${label} ${text}`)),
    ]),
  );

/** Where one story begins and the one before ends. */
function rule(colors: Colors, request: Request, room: number): string {
  const title = cut(`── ${timeOf(request).trimEnd()} · ${printable(request.id)} `, room);
  return colors.dim(title + '─'.repeat(Math.max(0, room - widthOf(title))));
}

function sectionLines(colors: Colors, request: Request, section: Section, room: number): string[] {
  const { title, paragraphs } = section;
  if (title === undefined) {
    return paragraphs.flatMap(({ text }) => wrap(text, room).map((line) => colors.bold(line)));
  }
  const titles = wrap(printable(title), room).map((line) =>
    colors.bold(paintTitle(colors, request, section, line)),
  );
  return [...titles, ...paragraphs.flatMap((one) => paragraphLines(colors, one, room))];
}

function paintTitle(colors: Colors, request: Request, { about }: Section, line: string): string {
  if (about === 'verdict') return paintVerdict(colors, request, line);
  return about === 'state' ? paintState(colors, request, line) : line;
}

function paragraphLines(colors: Colors, { label, text }: Paragraph, room: number): string[] {
  if (label === undefined) return wrap(text, room - INDENT.length).map((line) => INDENT + line);
  return wrap(text, room - LABEL).map(
    (line, index) => colors.dim(pad(index === 0 ? label.padStart(LABEL - 2) : '', LABEL)) + line,
  );
}
