/** The whole screen as lines, exactly as many and as wide as the terminal has. */
import { listBar, topBar, warning } from './bars.ts';
import type { Controller } from './controller.ts';
import { detailPane, scrolled } from './detail-pane.ts';
import { complaint, foot } from './foot.ts';
import { glyph } from './glyphs.ts';
import { help } from './help.ts';
import { layoutOf, type Layout, type Size } from './layout.ts';
import { listPane, pageOf } from './list-pane.ts';
import type { Snapshot } from './list.ts';
import { span, type Line } from './paint.ts';
import type { ViewStatus } from './source.ts';
import { troublePane } from './trouble-pane.ts';

export function picture(controller: Controller, size: Size, now: number): Line[] {
  const { columns, rows } = size;
  const status = controller.source.status();
  const above = [topBar(controller.source, status, columns)];
  const warned = warning(status, columns);
  if (warned !== undefined) above.push(warned);
  const body = { columns, rows: Math.max(2, rows - above.length - 2) };
  controller.size = body;
  const layout = layoutOf(body, controller.detailOpen);
  const snapshot = controller.list.snapshot(pageOf(layout.list));
  const middle = panes(controller, status, snapshot, layout, body);
  const bar = complaint(controller, columns) ?? listBar(controller, snapshot, columns);
  const below = [bar, foot(controller, columns, now)];
  return [...above, ...middle, ...below].slice(0, rows);
}

function panes(
  controller: Controller,
  status: ViewStatus,
  snapshot: Snapshot,
  layout: Layout,
  body: Size,
): Line[] {
  if (controller.helpOpen) {
    const lines = help(controller.source, status, body.columns);
    return scrolled(lines, controller, { width: body.columns, height: body.rows });
  }
  if (controller.troublesOpen) return troublePane(controller, layout.list);
  if (!controller.detailOpen) return listPane(controller, status, snapshot, layout.list);
  const detail = detailPane(controller, snapshot, layout.detail);
  if (layout.arrangement === 'alone') return detail;
  const list = listPane(controller, status, snapshot, layout.list);
  if (layout.arrangement === 'below') return [...list, ...detail];
  const border = span(glyph.line, 'faint');
  return list.map((line, index) => [...line, border, ...(detail[index] ?? [])]);
}
