/** A request in one line: which columns there are, how wide each is, what stands in it. */
import type { Request } from '../trace/request.ts';
import { cell, span, type Line, type Span } from './paint.ts';
import { widthOf } from '../terminal/text.ts';
import { carriedWords, decisiveCarrier } from '../trace/exchange-words.ts';
import {
  causeWords,
  clock,
  dialledWords,
  duration,
  endpoint,
  endpointTone,
  hasFailed,
  messageWords,
  outcome,
  resultTone,
  resultWords,
  rewritesIn,
  sourceSeen,
  verdictTone,
  verdictWords,
} from './words.ts';

type ColumnKey = 'time' | 'took' | 'client' | 'asked' | 'rewrites' | 'server' | 'saw' | 'verdict' | 'state';

export interface Column {
  readonly key: ColumnKey;
  readonly title: string;
  readonly width: number;
  /** There is room for the longer form: milliseconds, ports, the cause. */
  readonly wide: boolean;
}

interface Plan {
  readonly key: ColumnKey;
  readonly title: string;
  readonly least: number;
  /** What it gets of the room that is left, relative to the others. */
  readonly share: number;
  readonly wide: boolean;
}

const plan = (key: ColumnKey, title: string, least: number, share = 0, wide = false): Plan => ({
  key,
  title,
  least,
  share,
  wide,
});

const NORMAL: readonly Plan[] = [
  plan('time', 'TIME', 8),
  plan('client', 'CLIENT', 15, 2),
  plan('asked', 'ASKED FOR', 19, 3),
  plan('rewrites', 'REWRITES', 23, 5),
  plan('server', 'SERVED BY', 19, 3),
  plan('verdict', 'CLIENT IP', 11),
  plan('state', 'STATE', 13),
];

const WIDE: readonly Plan[] = [
  plan('time', 'TIME', 12, 0, true),
  plan('took', '    TOOK', 8),
  plan('client', 'CLIENT', 21, 2, true),
  plan('asked', 'ASKED FOR', 28, 5, true),
  plan('rewrites', 'REWRITES', 36, 4),
  plan('server', 'SERVED BY', 27, 3),
  plan('saw', 'SERVER SAW', 22, 2),
  plan('verdict', 'CLIENT IP', 22, 1, true),
  plan('state', 'STATE', 13),
];

/** All that WIDE needs at least. */
const WIDE_FROM = 200;

/** Undefined where the width is better used by rows of two lines. */
export function columnsFor(width: number): readonly Column[] | undefined {
  if (width < 118) return undefined;
  const plans = width < WIDE_FROM ? NORMAL : WIDE;
  const least = plans.reduce((sum, { least: own }) => sum + own + 1, 1);
  const shares = plans.reduce((sum, { share }) => sum + share, 0);
  let spare = Math.max(0, width - least);
  let left = shares;
  return plans.map(({ key, title, least: own, share, wide }) => {
    const extra = left === 0 ? 0 : Math.floor((spare * share) / left);
    spare -= extra;
    left -= share;
    return { key, title, width: own + extra, wide };
  });
}

/** @param client what stands for the client; absent: its name */
export function columnCells(request: Request, columns: readonly Column[], client?: string): Line {
  const cells = joined(request, columns).map((column) =>
    column.key === 'client' && client !== undefined
      ? cell(client, column.width, 'faint')
      : columnCell(request, column),
  );
  return cells.flatMap((one) => [one, span(' ')]).slice(0, -1);
}

/** What failed before any rewrite has no use for that column: the reason takes it. */
function joined(request: Request, columns: readonly Column[]): readonly Column[] {
  if (!hasFailed(request) || rewritesIn(request, 0) !== '') return columns;
  const rewrites = columns.find((column) => column.key === 'rewrites');
  return columns
    .filter((column) => column !== rewrites)
    .map((column) =>
      column.key === 'server' ? { ...column, width: column.width + (rewrites?.width ?? -1) + 1 } : column,
    );
}

function columnCell(request: Request, { key, width, wide }: Column): Span {
  switch (key) {
    case 'time':
      return cell(clock(request.startedAt, wide), width, 'faint');
    case 'took':
      return cell(duration(request.durationMs).padStart(width), width, 'faint');
    case 'client':
      return cell(endpoint(request.client, wide), width, 'plain', 'middle');
    case 'asked':
      return askedCell(request, width);
    case 'rewrites': {
      const how = rewritesIn(request, width);
      return how === '' ? cell('no rewrite', width, 'faint') : cell(how, width, 'change');
    }
    case 'server': {
      const { text, tone } = outcome(request);
      return cell(text, width, tone, hasFailed(request) ? 'end' : 'middle');
    }
    case 'saw':
      return cell(sourceSeen(request), width);
    case 'verdict': {
      const { clientIp } = request;
      return cell(
        verdictWords(clientIp) + (wide ? verdictNote(request) : ''),
        width,
        verdictTone(clientIp.verdict),
      );
    }
    case 'state':
      return cell(resultWords(request), width, resultTone(request));
  }
}

/** The message, and what it was sent to where both fit. */
function askedCell(request: Request, width: number): Span {
  const message = messageWords(request);
  const dialled = dialledWords(request);
  if (message === undefined) return cell(dialled, width, endpointTone(request.dialled), 'middle');
  const both = `${message}  ${dialled}`;
  return cell(widthOf(span(both).text) <= width ? both : message, width, 'strong', 'middle');
}

/** What the verdict rests on: the address carried, or the cause of the loss. */
function verdictNote(request: Request): string {
  const carrier = decisiveCarrier(request);
  if (carrier !== undefined) return ` ${carriedWords(carrier, request)}`;
  const { cause } = request.clientIp;
  return cause === undefined ? '' : `: ${causeWords(cause)}`;
}
