import { isObject, listOf } from './json.ts';

/** mark = (mark & keep) ^ flip. */
export interface MarkChange {
  readonly keep: number;
  readonly flip: number;
}

const DEEPEST = 8;

/** `16384`, `{"|": [{"meta": {"key": "mark"}}, 16384]}` and what nests of them. */
export function markChange(json: unknown, depth = 0): MarkChange | undefined {
  if (typeof json === 'number') return { keep: 0, flip: json | 0 };
  if (!isObject(json) || depth > DEEPEST) return undefined;
  if (isObject(json['meta'])) return json['meta']['key'] === 'mark' ? { keep: -1, flip: 0 } : undefined;
  for (const operator of ['|', '&', '^'] as const) {
    const [left, right] = listOf(json[operator]);
    const before = markChange(left, depth + 1);
    if (before && typeof right === 'number') return apply(before, operator, right | 0);
  }
  return undefined;
}

function apply({ keep, flip }: MarkChange, operator: '|' | '&' | '^', value: number): MarkChange {
  if (operator === '&') return { keep: keep & value, flip: flip & value };
  if (operator === '^') return { keep, flip: flip ^ value };
  return { keep: keep & ~value, flip: (flip & ~value) ^ value };
}

/** The bits of the mark that an expression looks at: all, or those under `& mask`. */
export function markMask(json: unknown): number | undefined {
  const change = markChange(json);
  return change?.flip === 0 && change.keep !== 0 ? change.keep : undefined;
}
