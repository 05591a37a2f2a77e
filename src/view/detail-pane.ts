/** One request's whole way, in a pane with its own title. */
import type { Controller } from './controller.ts';
import { glyph } from './glyphs.ts';
import { detail, detailTitle } from './detail.ts';
import type { Pane } from './layout.ts';
import type { Snapshot } from './list.ts';
import { justify, lineWidth, padTo, span, type Line } from './paint.ts';

export function detailPane(controller: Controller, snapshot: Snapshot, pane: Pane): Line[] {
  const { chosen, position, shown } = snapshot;
  const tone = controller.focus === 'detail' ? 'key' : 'faint';
  const lines = chosen === undefined ? [] : detail(chosen, pane.width);
  const body = scrolled(lines, controller, { width: pane.width, height: pane.height - 1 });
  const below = lines.length - controller.scroll - body.length;
  const place = below > 0 ? `${below} more lines ${glyph.down}` : `${position}/${shown}`;
  const left: Line = [
    span(`${glyph.rule}${glyph.rule} `, tone),
    ...(chosen === undefined ? [span('nothing chosen', 'faint')] : detailTitle(chosen)),
    span(' '),
  ];
  const right: Line = [span(` ${place} `, 'faint')];
  const gap = Math.max(0, pane.width - lineWidth(left) - lineWidth(right));
  return [justify([...left, span(glyph.rule.repeat(gap), tone)], right, pane.width), ...body];
}

/** What of a longer text is in sight; brings a scroll that went too far back into bounds. */
export function scrolled(lines: readonly Line[], controller: Controller, pane: Pane): Line[] {
  controller.scroll = Math.min(controller.scroll, Math.max(0, lines.length - pane.height));
  return padTo(lines.slice(controller.scroll), pane);
}
