/** TCP's numbers count modulo 2^32 (RFC 9293, 3.4). */

/** How far `a` is ahead of `b`: negative where it is behind. */
export const distance = (a: number, b: number): number => (a - b) | 0;

export const advance = (seq: number, bytes: number): number => (seq + bytes) >>> 0;

/** Ranges remembered a direction: what is captured again comes soon after. */
const MAX_RANGES = 16;

/** The stretches of a direction that were read, so that what is captured again is not told again. */
export class ReadRanges {
  /** Begin and end of each, the latest last. */
  private readonly ranges: number[] = [];

  add(from: number, to: number): void {
    const { ranges } = this;
    if (from === to) return;
    if (ranges.at(-1) === from) ranges[ranges.length - 1] = to;
    else {
      if (ranges.length === MAX_RANGES * 2) ranges.splice(0, 2);
      ranges.push(from, to);
    }
  }

  /** The first byte from `seq` on that was not read. */
  beyond(seq: number): number {
    const { ranges } = this;
    let at = seq;
    for (let i = 0; i < ranges.length; i += 2) {
      const from = ranges[i] as number;
      const to = ranges[i + 1] as number;
      if (distance(at, from) >= 0 && distance(at, to) < 0) {
        at = to;
        i = -2;
      }
    }
    return at;
  }

  has(seq: number): boolean {
    return this.beyond(seq) !== seq;
  }
}
