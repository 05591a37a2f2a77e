/** Where list and detail stand, by the size of the screen. */

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Pane {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** `alone`: the detail takes the list's place. */
  readonly arrangement: 'alone' | 'below' | 'beside';
  readonly list: Pane;
  readonly detail: Pane;
}

/** Two columns or two halves only where both still read well. */
const BESIDE_FROM = 160;
const BELOW_FROM = 32;
const DETAIL_WIDTH = 96;

export function layoutOf({ columns, rows }: Size, detailOpen: boolean): Layout {
  const whole = { width: columns, height: rows };
  if (!detailOpen) return { arrangement: 'alone', list: whole, detail: whole };
  if (columns >= BESIDE_FROM) {
    const width = Math.min(DETAIL_WIDTH, Math.floor(columns / 2));
    return {
      arrangement: 'beside',
      list: { width: columns - width - 1, height: rows },
      detail: { width, height: rows },
    };
  }
  if (rows >= BELOW_FROM) {
    const height = Math.floor(rows * 0.6);
    return {
      arrangement: 'below',
      list: { width: columns, height: rows - height },
      detail: { width: columns, height },
    };
  }
  return { arrangement: 'alone', list: whole, detail: whole };
}
