/**
 * Text in terminal cells. What is laid out in columns or wrapped passes `printable` (in the view through `span`), so
 * that a name from the network or from a recording can neither steer the terminal nor break the lines.
 */
import stringWidth from 'string-width';
import { clean } from '../events/clean.ts';

const ASCII = /^[\x20-\x7e]*$/;
/** Longer than any screen line; bounds the work on hostile names. */
const LIMIT = 2_000;

/** Latin, punctuation and signs: each a character of its own, and our own glyphs among them. */
const PLAIN = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u23ff\u2500-\u27bf]*$/;
const segmenter = new Intl.Segmenter();

/**
 * Only characters that take the same cells in every terminal: what terminals disagree on goes (combining
 * marks, variation selectors, skin tones), or shows as '·' (flags, private and unassigned code points, and
 * whatever else joins with its neighbour).
 */
export function printable(text: string): string {
  if (text.length <= LIMIT && PLAIN.test(text)) return text;
  const cleaned = clean(text, LIMIT)
    .normalize('NFC')
    .replace(/[\p{M}\p{Emoji_Modifier}]/gu, '')
    .replace(/[\p{Co}\p{Cn}\p{Regional_Indicator}]/gu, '·');
  return Array.from(segmenter.segment(cleaned), ({ segment }) =>
    codePoints(segment).length === 1 ? segment : '·',
  ).join('');
}

/** Of printable text: there each character has a width of its own, whatever stands next to it. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

const UNKNOWN = 255;
const widths = new Uint8Array(0x10000).fill(UNKNOWN);

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  const known = widths[code];
  if (known !== undefined && known !== UNKNOWN) return known;
  const width = stringWidth(character);
  if (code < widths.length) widths[code] = width;
  return width;
}

/** At most `width` cells: the end goes, or the middle where both ends tell things apart (names, addresses). */
export function cut(text: string, width: number, where: 'end' | 'middle' = 'end'): string {
  if (widthOf(text) <= width) return text;
  if (width <= 1) return width === 1 ? '…' : '';
  if (where === 'end') return `${head(text, width - 1)}…`;
  const tailWidth = Math.floor((width - 1) / 2);
  return `${head(text, width - 1 - tailWidth)}…${tail(text, tailWidth)}`;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Lines of at most `width` cells, broken at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= room) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    let rest = word;
    while (widthOf(rest) > room) {
      const part = head(rest, room) || rest.slice(0, 1);
      lines.push(part);
      rest = rest.slice(part.length);
    }
    line = rest;
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

function head(text: string, width: number): string {
  if (ASCII.test(text)) return text.slice(0, width);
  let taken = '';
  let used = 0;
  for (const character of text) {
    used += characterWidth(character);
    if (used > width) break;
    taken += character;
  }
  return taken;
}

function tail(text: string, width: number): string {
  if (ASCII.test(text)) return width === 0 ? '' : text.slice(-width);
  return reversed(head(reversed(text), width));
}

/** By code points: printable text has nothing that joins them. */
export const codePoints = (text: string): string[] => Array.from(text);

const reversed = (text: string): string => codePoints(text).reverse().join('');
