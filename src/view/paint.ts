/** A line on the screen as text with meaning; colour is put on at the very end, or not at all. */
import { createColors } from 'picocolors';
import { cut, pad, printable, widthOf } from '../terminal/text.ts';
import { toAscii } from './glyphs.ts';

export type Tone =
  'plain' | 'strong' | 'faint' | 'good' | 'warn' | 'bad' | 'name' | 'change' | 'key' | 'head' | 'bar';

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

/** The one way to put foreign text on the screen: it is cleaned here. */
export function span(text: string, tone: Tone = 'plain'): Span {
  return { text: printable(text), tone };
}

export function cell(
  text: string,
  width: number,
  tone: Tone = 'plain',
  where: 'end' | 'middle' = 'end',
): Span {
  return { text: pad(cut(printable(text), width, where), width), tone };
}

export const textOf = (line: Line): string => line.map((part) => part.text).join('');

export function lineWidth(line: Line): number {
  return line.reduce((sum, part) => sum + widthOf(part.text), 0);
}

/** Exactly `width` cells: cut at the end, or filled with spaces. */
export function fit(line: Line, width: number): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const part of line) {
    if (left <= 0) break;
    const text = cut(part.text, left);
    fitted.push({ text, tone: part.tone });
    left -= widthOf(text);
  }
  if (left > 0) fitted.push({ text: ' '.repeat(left), tone: 'plain' });
  return fitted;
}

/** `left` as far as it goes, `right` at the right edge, `width` cells in all. */
export function justify(left: Line, right: Line, width: number): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth > width) return fit(right, width);
  return [...fit(left, width - rightWidth), ...right];
}

/** A whole pane: short lines and missing lines are filled, the rest falls away. */
export function padTo(lines: readonly Line[], pane: { width: number; height: number }): Line[] {
  return Array.from({ length: pane.height }, (_, index) => fit(lines[index] ?? [], pane.width));
}

export interface Painter {
  readonly line: (line: Line) => string;
}

/** Without colour, bold, dim and inverse stay: they are not colours (no-color.org). */
export function createPainter(options: { color: boolean; ascii: boolean }): Painter {
  const on = createColors(true);
  const hue = createColors(options.color);
  const tones: Record<Tone, (text: string) => string> = {
    plain: (text) => text,
    strong: on.bold,
    faint: on.dim,
    good: hue.green,
    warn: hue.yellow,
    bad: (text) => on.bold(hue.red(text)),
    name: hue.cyan,
    change: hue.magenta,
    key: (text) => on.bold(hue.cyan(text)),
    head: (text) => on.underline(on.dim(text)),
    bar: on.inverse,
  };
  const plain = (text: string): string => (options.ascii ? toAscii(text) : text);
  return {
    line: (line) => line.map((part) => tones[part.tone](plain(part.text))).join(''),
  };
}
