/**
 * Signs beside words: each stands next to the word it means, so that none is needed to understand. All are
 * one cell wide, and so is what stands for them on terminals that have only ASCII.
 */
import { widthOf } from '../terminal/text.ts';

export const glyph = {
  arrow: '→',
  then: '›',
  dot: '·',
  dash: '—',
  rule: '─',
  line: '│',
  corner: '└',
  cursor: '▌',
  up: '↑',
  down: '↓',
  ellipsis: '…',
  preserved: '✓',
  lost: '▲',
  carried: '↷',
  forged: '‼',
  unknown: '?',
  failed: '✗',
  open: '○',
  established: '●',
  device: '○',
  rewrite: '◆',
  deliver: '●',
  proxy: '⇄',
  record: '●',
  paused: '‖',
  inferred: '~',
} as const;

const ASCII: Readonly<Record<string, string>> = {
  '→': '>',
  '›': '>',
  '·': '|',
  '—': '-',
  '─': '-',
  '│': '|',
  '└': '`',
  '▌': '>',
  '↑': '^',
  '↓': 'v',
  '…': '.',
  '✓': '+',
  '▲': '!',
  '↷': '~',
  '‼': '#',
  '✗': 'x',
  '○': 'o',
  '●': '*',
  '◆': '#',
  '⇄': '%',
  '‖': '|',
};

/** For terminals without UTF-8: as many cells as before. */
export function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => ASCII[character] ?? '?'.repeat(widthOf(character)));
}

/** The Linux console is UTF-8, but its fonts lack most signs. */
export function needsAscii(env: NodeJS.ProcessEnv): boolean {
  // Set but empty counts as not set (setlocale(3)).
  const locale =
    [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '') ?? '';
  return !/utf-?8/i.test(locale) || env['TERM'] === 'linux' || env['TERM'] === 'dumb';
}
