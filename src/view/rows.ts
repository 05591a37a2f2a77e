/**
 * One request in the list. Below 118 columns it takes two lines, which read as a sentence: who asked for what,
 * and below it how that was rewritten and who served. From there on it is one line of columns.
 */
import type { Request } from '../trace/request.ts';
import { columnCells, columnsFor } from './columns.ts';
import { glyph } from './glyphs.ts';
import { cell, fit, span, textOf, type Line } from './paint.ts';
import { STORY, story } from './story.ts';
import { isTrouble } from './words.ts';

export const rowHeight = (width: number): number => (columnsFor(width) === undefined ? 2 : 1);

export function rowHeader(width: number): Line {
  const columns = columnsFor(width);
  if (columns === undefined) {
    const left = cell(
      '  TIME     CLIENT → ASKED FOR, and how it got there',
      width - STORY.verdict - STORY.state,
      'head',
    );
    return [left, cell('CLIENT IP', STORY.verdict, 'head'), cell('STATE', STORY.state, 'head')];
  }
  const titles = columns.flatMap(({ title, width: own }) => [span(' ', 'head'), cell(title, own, 'head')]);
  return [span(' ', 'head'), ...titles];
}

/** @param above the row before it in sight: a request on the same connection stands under it */
export function row(request: Request, width: number, chosen: boolean, above: Request | undefined): Line[] {
  const columns = columnsFor(width);
  const sign = isTrouble(request) ? glyph.failed : ' ';
  const mark = span(`${chosen ? glyph.cursor : sign} `, chosen ? 'key' : 'bad');
  const client = above !== undefined && shareConnection(request, above) ? UNDER : undefined;
  const lines =
    columns === undefined
      ? story(request, width, mark, client)
      : [[mark, ...columnCells(request, columns, client)]];
  // Inverse as a whole: colours under inverse would give a patchwork.
  return chosen ? lines.map((line) => [span(textOf(fit(line, width)), 'bar')]) : lines;
}

/** In the place of the client that the row above names. */
const UNDER = `  ${glyph.corner}`;

const shareConnection = (a: Request, b: Request): boolean =>
  a.protocol === b.protocol &&
  a.client.ip === b.client.ip &&
  a.client.port !== undefined &&
  a.client.port === b.client.port &&
  a.dialled.ip === b.dialled.ip &&
  a.dialled.port === b.dialled.port;
