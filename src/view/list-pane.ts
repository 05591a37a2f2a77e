/** The list, or what to know where there is nothing to list. */
import type { Controller } from './controller.ts';
import type { Pane } from './layout.ts';
import type { Snapshot } from './list.ts';
import { padTo, span, type Line } from './paint.ts';
import { row, rowHeader, rowHeight } from './rows.ts';
import type { ViewSource, ViewStatus } from './source.ts';
import { wrap } from '../terminal/text.ts';
import { requests } from './words.ts';

/** How many requests a pane shows. */
export const pageOf = ({ width, height }: Pane): number =>
  Math.max(1, Math.floor((height - 1) / rowHeight(width)));

export function listPane(controller: Controller, status: ViewStatus, snapshot: Snapshot, pane: Pane): Line[] {
  const rows = snapshot.rows.flatMap((request, index) =>
    row(request, pane.width, index === snapshot.cursor, snapshot.rows[index - 1]),
  );
  const lines = snapshot.rows.length > 0 ? rows : empty(controller, status, snapshot.total, pane.width);
  return padTo([rowHeader(pane.width), ...lines], pane);
}

function empty(controller: Controller, status: ViewStatus, total: number, width: number): Line[] {
  const [words, advice] = total > 0 ? allHidden(controller, total) : waiting(controller.source, status);
  const paragraph = (text: string): Line[] =>
    wrap(span(text).text, width - 8).map((part) => [span('    '), span(part)]);
  return [[], ...paragraph(words), [], ...paragraph(advice)];
}

function allHidden(controller: Controller, total: number): [string, string] {
  const { failuresOnly, filtered } = controller.list;
  const what = failuresOnly ? `has failed${filtered ? ' and matches the filter' : ''}` : 'matches the filter';
  const back =
    controller.asking?.what === 'filter' ? '' : filtered ? 'Esc clears the filter.' : 'F shows all.';
  return [`None of ${requests(total)} ${what}.`, back];
}

function waiting(source: ViewSource, status: ViewStatus): [string, string] {
  const hint = source.hint === undefined ? '' : `Try: ${source.hint}`;
  if (status.replay?.ended === true) return ['The recording holds no request.', ''];
  if (status.replay !== undefined) return ['Replaying; no request so far.', ''];
  if (status.probes?.running === true) return ['Attached. Waiting for traffic.', hint];
  return status.probes === undefined ? ['Attaching probes …', ''] : ['The probes are not running.', ''];
}
