/**
 * Events that were lost. The tracer tells it a little later than it happens, so that what it tells now may
 * have hit connections that begin just before or after.
 */
const REACH_NS = 1_000_000_000;
/** Losses closer to each other than this count as one. */
const GRAIN_NS = 50_000_000;

export class Losses {
  /** All so far. */
  total = 0;
  /** Within reach, oldest first; `before`: the total without it and what came after. */
  private recent: { from: number; to: number; before: number }[] = [];

  add(at: number, count: number): void {
    const last = this.recent.at(-1);
    if (last !== undefined && at - last.from <= GRAIN_NS) last.to = at;
    else {
      this.recent = this.recent.filter(({ to }) => at - to <= REACH_NS);
      this.recent.push({ from: at, to: at, before: this.total });
    }
    this.total += count;
  }

  /** Whether some were lost of late. */
  isRecent(at: number): boolean {
    const last = this.recent.at(-1);
    return last !== undefined && at - last.to <= REACH_NS;
  }

  /** The total that cannot have hit what begins at a time. */
  before(at: number): number {
    return this.recent.find(({ to }) => at - to <= REACH_NS)?.before ?? this.total;
  }
}
