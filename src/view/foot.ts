/** The last line: what is being typed, what just happened, or what the keys do. */
import { hints, type Hint } from './bars.ts';
import type { Controller } from './controller.ts';
import { glyph } from './glyphs.ts';
import { layoutOf } from './layout.ts';
import { fit, justify, lineWidth, span, type Line } from './paint.ts';
import { promptLine } from './prompt.ts';

const NOTICE_MS = 6_000;

export function foot(controller: Controller, width: number, now: number): Line {
  const { asking, notice } = controller;
  if (asking !== undefined) return typing(asking, width);
  if (notice !== undefined && now - notice.at < NOTICE_MS)
    return fit([span(` ${notice.text}`, notice.tone)], width);
  return hints(useful(controller), controller.helpOpen ? IN_HELP : ALWAYS, width);
}

const ALWAYS: readonly Hint[] = [
  ['?', 'help'],
  ['q', 'quit'],
];
const IN_HELP: readonly Hint[] = [
  ['q', 'back'],
  ['Ctrl-C', 'quit'],
];

/** What is wrong with what is being typed, if anything: a line of its own, since the whole of it is needed. */
export function complaint({ asking }: Controller, width: number): Line | undefined {
  if (asking === undefined || asking.error === '') return undefined;
  return fit([span(` ${glyph.failed} ${asking.error}`, 'bad')], width);
}

function typing({ what, prompt }: NonNullable<Controller['asking']>, width: number): Line {
  const label = what === 'filter' ? ' / ' : ' record to: ';
  const keys: Line = [
    span('  Enter', 'key'),
    span(' take  ', 'faint'),
    span('Esc', 'key'),
    span(' cancel ', 'faint'),
  ];
  const right = fit(keys, Math.min(lineWidth(keys), Math.floor(width * 0.6)));
  return justify(promptLine(label, prompt, width - lineWidth(right)), right, width);
}

function useful({
  helpOpen,
  troublesOpen,
  detailOpen,
  focus,
  size,
  canRecord,
  list,
}: Controller): readonly Hint[] {
  if (helpOpen) return [['j k', 'scroll']];
  if (troublesOpen) {
    return [
      ['j k', 'choose'],
      ['Enter', 'these requests'],
      ['Esc', 'back'],
      ['/', 'filter'],
    ];
  }
  const pause: Hint = ['p', list.paused ? 'go on' : 'pause'];
  if (!detailOpen) {
    return [
      ['Enter', 'detail'],
      ['/', 'filter'],
      ['F', list.failuresOnly ? 'all' : 'failed'],
      ['e', 'counts'],
      pause,
      ...(canRecord ? ([['r', 'record']] as const) : []),
      ['s', 'sort'],
      ['f', 'follow'],
    ];
  }
  const both = layoutOf(size, true).arrangement !== 'alone';
  return [
    ['Esc', 'back'],
    ['j k', focus === 'detail' ? 'scroll' : 'choose'],
    ['h l', 'previous, next'],
    ...(both ? ([['Tab', focus === 'detail' ? 'to the list' : 'to the detail']] as const) : []),
    pause,
  ];
}
