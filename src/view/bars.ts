/** The lines around the list: what is traced and how well, what is shown, and what the keys do. */
import type { Controller } from './controller.ts';
import { glyph } from './glyphs.ts';
import { fit, justify, lineWidth, span, type Line, type Span } from './paint.ts';
import type { Snapshot } from './list.ts';
import type { ViewSource, ViewStatus } from './source.ts';
import { count, requests } from './words.ts';

/** Who is traced, by what, at what rate, and what was lost. */
export function topBar(source: ViewSource, status: ViewStatus, width: number): Line {
  const left: Line = [span(' nathop ', 'bar'), span(` ${source.title}`, 'strong')];
  const room = width - Math.min(lineWidth(left), Math.floor(width / 2)) - 2;
  return justify(left, [...joined(facts(status), room), span(' ')], width);
}

interface Fact {
  readonly span: Span;
  /** The least goes first where the room is short. */
  readonly weight: number;
}

function facts(status: ViewStatus): Fact[] {
  const { probes, detail, recording, replay, lostEvents } = status;
  const all: Fact[] = [];
  if (recording !== undefined) {
    all.push({ span: span(`${glyph.record} rec ${recording.path}`, 'bad'), weight: 6 });
  }
  if (probes !== undefined) {
    const words = probes.running ? `${probes.set} probes` : 'probes not running';
    all.push({ span: span(words, probes.running ? 'plain' : 'bad'), weight: probes.running ? 4 : 8 });
  }
  if (replay !== undefined) all.push({ span: span(replayWords(replay)), weight: 7 });
  if (detail !== undefined) {
    const words = `detail ${detail.level}${detail.lowered ? ', lowered: busy' : ''}`;
    all.push({ span: span(words, detail.lowered ? 'warn' : 'plain'), weight: detail.lowered ? 5 : 2 });
  }
  all.push({ span: span(`${count(status.eventsPerSecond)} ev/s`), weight: 3 });
  all.push({ span: span(`${count(lostEvents)} lost`, lostEvents > 0 ? 'bad' : 'faint'), weight: 9 });
  return all;
}

function replayWords({ speed, ended }: { speed: number; ended: boolean }): string {
  if (ended) return 'replay ended';
  return speed === 0 ? 'replay' : `replay at ${speed}x`;
}

function joined(all: readonly Fact[], room: number): Line {
  const between = span(` ${glyph.dot} `, 'faint');
  const line = all.flatMap((fact, index) => (index === 0 ? [fact.span] : [between, fact.span]));
  if (lineWidth(line) <= room || all.length <= 1) return fit(line, Math.min(room, lineWidth(line)));
  const least = Math.min(...all.map((fact) => fact.weight));
  return joined(
    all.filter((fact) => fact.weight !== least),
    room,
  );
}

/** What is not seen, or went wrong; nothing where all is well. */
export function warning(status: ViewStatus, width: number): Line | undefined {
  if (status.problem !== undefined) return fit([span(` ${glyph.failed} ${status.problem}`, 'bad')], width);
  const [first] = status.missing;
  if (first === undefined) return undefined;
  const more = status.missing.length > 1 ? `  +${status.missing.length - 1} more` : '';
  return justify(
    [span(` ${glyph.lost} not seen: ${first}`, 'warn')],
    [span(`${more}  ? for all `, 'faint')],
    width,
  );
}

/** What of it all the list shows. */
export function listBar(controller: Controller, snapshot: Snapshot, width: number): Line {
  const { list, letGo, source } = controller;
  const { failed, scanned } = controller.failed;
  const { shown, total, position } = snapshot;
  const parts: Line[] = [];
  if (list.paused) parts.push([span(`${glyph.paused} PAUSED, ${count(list.waiting)} waiting`, 'warn')]);
  parts.push([span(`${shown === total ? '' : `${count(shown)} of `}${requests(total)}`)]);
  if (list.failuresOnly) parts.push([span('failures only', 'bad')]);
  if (list.picked !== undefined) parts.push([span('only ', 'faint'), span(list.picked, 'key')]);
  if (controller.filterText !== '')
    parts.push([span('filter ', 'faint'), span(controller.filterText, 'key')]);
  if (source.scope !== undefined) parts.push([span('only ', 'faint'), span(source.scope, 'key')]);
  if (failed > 0 && !list.failuresOnly) parts.push([span(`${glyph.failed} ${count(failed)} failed`, 'bad')]);
  if (scanned > 0) parts.push([span(`${count(scanned)} by port scan`, 'faint')]);
  if (letGo > 0) parts.push([span(`${count(letGo)} older let go`, 'faint')]);
  const left = parts.flatMap((part, index) =>
    index === 0 ? part : [span(` ${glyph.dot} `, 'faint'), ...part],
  );
  const order = `${list.sort.key} ${list.sort.reverse ? glyph.down : glyph.up}`;
  const place = list.follow ? 'following' : `${count(position)}/${count(shown)}`;
  return justify([span(' '), ...left], [span(`  ${order}  ${place} `, 'faint')], width);
}

export type Hint = readonly [key: string, does: string];

/** As many of the first as fit; the last ones always do. */
export function hints(pairs: readonly Hint[], always: readonly Hint[], width: number): Line {
  const right = always.flatMap(hint);
  const line: Span[] = [span(' ')];
  for (const next of pairs.map(hint)) {
    if (lineWidth(line) + lineWidth(next) + lineWidth(right) > width) break;
    line.push(...next);
  }
  return justify(line, right, width);
}

const hint = ([key, does]: Hint): Span[] => [span(key, 'key'), span(` ${does}  `, 'faint')];
