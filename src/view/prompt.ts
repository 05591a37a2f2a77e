/** A line being typed at the foot of the screen. */
import { span, type Line } from './paint.ts';
import { codePoints, cut, widthOf } from '../terminal/text.ts';

export interface Prompt {
  readonly text: string;
  /** Where the next character goes, in UTF-16 units. */
  readonly at: number;
}

const LONGEST = 1_000;

export const promptWith = (text: string): Prompt => ({ text, at: text.length });

export function edit({ text, at }: Prompt, key: string): Prompt {
  const before = text.slice(0, at);
  const after = text.slice(at);
  switch (key) {
    case 'left':
      return { text, at: at - lastOf(before).length };
    case 'right':
      return { text, at: at + firstOf(after).length };
    case 'home':
    case 'ctrl-a':
      return { text, at: 0 };
    case 'end':
    case 'ctrl-e':
      return promptWith(text);
    case 'backspace': {
      const kept = before.slice(0, before.length - lastOf(before).length);
      return { text: kept + after, at: kept.length };
    }
    case 'ctrl-u':
      return { text: after, at: 0 };
    case 'ctrl-w': {
      const kept = before.replace(/\S*\s*$/, '');
      return { text: kept + after, at: kept.length };
    }
    default:
      if (codePoints(key).length !== 1 || text.length >= LONGEST) return { text, at };
      return { text: before + key + after, at: at + key.length };
  }
}

/** The end near the cursor is in sight. */
export function promptLine(label: string, { text, at }: Prompt, width: number): Line {
  const room = Math.max(4, width - widthOf(label) - 1);
  const before = span(text.slice(0, at)).text;
  const shown = widthOf(before) < room ? before : `…${fromEnd(before, room - 2)}`;
  const under = span(firstOf(text.slice(at)) || ' ').text || ' ';
  const rest = span(text.slice(at + firstOf(text.slice(at)).length)).text;
  return [
    span(label, 'key'),
    span(shown),
    span(under, 'bar'),
    span(cut(rest, Math.max(0, room - widthOf(shown) - widthOf(under)))),
  ];
}

function fromEnd(text: string, width: number): string {
  let taken = '';
  for (const character of codePoints(text).reverse()) {
    if (widthOf(character + taken) > width) break;
    taken = character + taken;
  }
  return taken;
}

const firstOf = (text: string): string => codePoints(text)[0] ?? '';
const lastOf = (text: string): string => codePoints(text).at(-1) ?? '';
