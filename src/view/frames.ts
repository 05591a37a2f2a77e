/** Holds the latest frame for React, and tells it only when a line differs. */
export class FrameStore {
  #rows: readonly string[] = [];
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  };

  /** One string a row, of the screen's width; the same array until something changes. */
  readonly current = (): readonly string[] => this.#rows;

  /** The frame as Ink laid it out, with the rows' texts in place of their numbers. */
  expand(frame: string): string[] {
    return frame.split('\n').map((index) => this.#rows[Number(index)] ?? '');
  }

  set(rows: readonly string[]): void {
    const same = rows.length === this.#rows.length && rows.every((row, index) => row === this.#rows[index]);
    if (same) return;
    this.#rows = rows;
    for (const changed of this.#listeners) changed();
  }
}
