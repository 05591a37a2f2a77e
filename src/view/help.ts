/** The help page: keys, signs, filters, and what this session sees and does not see. */
import { FIELDS } from '../trace/filter/fields.ts';
import { glyph } from './glyphs.ts';
import { bindings } from './keys.ts';
import { fit, span, type Line, type Tone } from './paint.ts';
import type { ViewSource, ViewStatus } from './source.ts';
import { wrap } from '../terminal/text.ts';

export function help(source: ViewSource, status: ViewStatus, width: number): Line[] {
  const lines: Line[] = [
    [span('KEYS', 'head')],
    ...bindings.flatMap(({ shown, help: words }) => entry(shown, words, width, 'key')),
    [],
    [span('SIGNS', 'head')],
    ...SIGNS.flatMap(([sign, words, tone]) => entry(sign, words, width, tone, 18)),
    [],
    [span('FILTERS', 'head')],
    ...FILTERS.flatMap(([example, words]) => entry(example, words, width, 'key', 30)),
    [],
    [span('THIS SESSION', 'head')],
    ...session(source, status).flatMap(([name, words, tone]) => entry(name, words, width, tone)),
  ];
  return lines.map((line) => fit(line, width));
}

const SIGNS: readonly (readonly [string, string, Tone])[] = [
  [`${glyph.preserved} preserved`, 'the server sees the address of the client', 'good'],
  [`${glyph.lost} lost`, 'a hop put another source in its place; the detail says which, and why', 'warn'],
  [`${glyph.carried} carried`, 'lost on the way, but a header carries it', 'good'],
  [`${glyph.forged} forged-or-stale`, 'a header names another address than the client had', 'bad'],
  [`${glyph.unknown} unknown`, 'what was seen does not say', 'faint'],
  [`${glyph.open} open`, 'no answer yet', 'plain'],
  [`${glyph.established} established`, 'answered, and still open', 'plain'],
  [`${glyph.failed} …`, 'refused, rejected, dropped or unanswered', 'bad'],
  [
    glyph.inferred,
    'inferred, not observed: the hook follows from the direction, a hop from a table',
    'faint',
  ],
  [
    `${glyph.carried} 198.51.100.7`,
    `the client as a header names it; ${glyph.forged} before an address that is not the client`,
    'good',
  ],
  [`${glyph.failed} 404  ${glyph.failed} 502`, 'the way is complete, and the server complains', 'warn'],
  ['via nginx', 'a proxy took the request and opened a connection of its own: another leg', 'change'],
  ['MASQ', 'MASQUERADE: the source becomes an address of the node', 'change'],
];

const FILTERS: readonly (readonly [string, string])[] = [
  ['198.51.100.7  10.0.0.0/8', 'an address or a range, anywhere on the way'],
  ['coredns  /a/pings', 'any word: in a name, an address, a rule, a path'],
  ['port=80,443 state=!closed', 'fields; all must hold, one value of each; ! excludes'],
  ['--port 80', 'the same as on the command line'],
  ...FIELDS.map(({ name, value, help: words }) => [`${name}=${value}`, words] as const),
];

function session(source: ViewSource, status: ViewStatus): [string, string, Tone][] {
  const { probes, detail } = status;
  const lines: [string, string, Tone][] = [['source', source.title, 'plain']];
  if (source.scope !== undefined)
    lines.push(['only', `what matches ${source.scope} (command line)`, 'plain']);
  if (probes !== undefined) {
    lines.push([
      'probes',
      `${probes.set}${probes.running ? '' : ', not running'}`,
      probes.running ? 'plain' : 'bad',
    ]);
  }
  if (detail !== undefined) {
    const level =
      detail.level === 'path' ? 'each device once a connection' : 'one event a connection and node';
    lines.push([
      'detail',
      `${detail.level}: ${level}${detail.lowered ? '; lowered because the node is busy' : ''}`,
      'plain',
    ]);
  }
  lines.push(...status.missing.map((words): [string, string, Tone] => ['not seen', words, 'warn']));
  lines.push(['lost', `${status.lostEvents} events`, status.lostEvents > 0 ? 'bad' : 'plain']);
  if (status.problem !== undefined) lines.push(['problem', status.problem, 'bad']);
  return lines;
}

function entry(name: string, words: string, width: number, tone: Tone, column = 16): Line[] {
  return wrap(span(words).text, width - column - 2).map((part, index): Line => [
    span(`  ${(index === 0 ? name : '').padEnd(column)}`, tone),
    span(part),
  ]);
}
