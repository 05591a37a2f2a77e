/**
 * Puts events in the order of their time stamps. bpftrace's per-CPU buffers deliver some late (0.17: up to
 * 14 % of lines, mostly by a few milliseconds); the window holds each event until newer ones are far enough
 * ahead. On a busy node one CPU's buffer is read seconds after another's: how far bpftrace is behind tells how
 * wide the window must be, and it narrows again when bpftrace has caught up.
 *
 * Only what the probes say moves time on. What is read meanwhile (names, rules, tables) carries the reader's
 * clock, which runs ahead of lines that are still in the pipe.
 */
import type { Event } from '../events/event.ts';

/** Far above the lateness of a calm node, enough for the first of a sudden load, and hardly felt by a reader. */
export const REORDER_WINDOW_NS = 150_000_000;
/** Some tens of megabytes of events at bpftrace's highest rate. */
const WIDEST_NS = 4_000_000_000;
/** The probes say something at least twice in this time, if only what time it is. */
const PROBES_PAUSE_NS = 500_000_000;
/** What the window loses of its surplus with each tick (250 ms). */
const NARROWING = 0.95;

export class ReorderWindow {
  /** Sorted by time; equal times keep the order of arrival. Up to `head` they are given out. */
  private readonly held: Event[] = [];
  private head = 0;
  private newest = 0;
  private given = 0;
  private width = REORDER_WINDOW_NS;
  private readonly emit: (event: Event) => void;

  constructor(emit: (event: Event) => void) {
    this.emit = emit;
  }

  push(event: Event): void {
    if (event.at < this.given) {
      this.late(event);
      return;
    }
    this.insert(event);
    if (!isOfProbes(event)) return;
    if (event.kind === 'tick') this.width = REORDER_WINDOW_NS + (this.width - REORDER_WINDOW_NS) * NARROWING;
    if (event.at > this.newest) {
      this.newest = event.at;
      this.release(this.newest - this.width);
    }
  }

  /** @param lagNs age of an event when it arrived: what is still on its way may be as old, and older */
  behind(lagNs: number): void {
    this.width = Math.min(WIDEST_NS, Math.max(this.width, REORDER_WINDOW_NS + lagNs * 2));
  }

  /**
   * Gives out all that is held: the stream has ended. Heads from a time that the probes did not come to are missed:
   * nothing is known of their connections.
   */
  flush(): void {
    this.release(this.newest + PROBES_PAUSE_NS);
    const isHead = ({ kind }: Event): boolean => kind === 'head';
    const rest = this.held.slice(this.head);
    const heads = rest.filter(isHead);
    this.head = this.held.length;
    for (const event of rest) if (!isHead(event)) this.emit(event);
    const last = heads.at(-1);
    if (last !== undefined)
      this.emit({ kind: 'heads-missed', at: last.at, count: heads.length, where: 'ahead' });
  }

  /** Its place in the order is gone; a hop put in the wrong place is worse than one missing. */
  private late(event: Event): void {
    // A head is tied to its connection by sequence numbers, which need no order, and keeps the time at which it was
    // captured: for durations that is better than a place in the order, and nothing is lost.
    if (event.kind === 'head' || event.kind === 'heads-missed' || event.kind === 'capture') {
      this.emit(event);
      return;
    }
    this.behind(this.newest - event.at);
    if (event.kind === 'tick') return;
    this.emit({ kind: 'lost', at: this.given, count: 1, where: 'order' });
  }

  private insert(event: Event): void {
    const { held } = this;
    let i = held.length;
    held.push(event);
    // By hand: splice() costs more than moving the few that are newer.
    for (; i > this.head; i--) {
      const before = held[i - 1] as Event;
      if (before.at <= event.at) break;
      held[i] = before;
    }
    held[i] = event;
  }

  private release(until: number): void {
    const { held } = this;
    while (this.head < held.length && (held[this.head] as Event).at <= until) {
      const event = held[this.head++] as Event;
      this.given = event.at;
      this.emit(event);
    }
    // Taking each from the front would move the rest each time.
    if (this.head > COMPACT_AT && this.head * 2 > held.length) {
      held.splice(0, this.head);
      this.head = 0;
    }
  }
}

const COMPACT_AT = 1024;

function isOfProbes({ kind }: Event): boolean {
  switch (kind) {
    case 'packet':
    case 'icmp-error':
    case 'drop':
    case 'socket':
    case 'retransmit':
    case 'nat':
    case 'verdict':
    case 'entry-refused':
    case 'entry-gone':
    case 'tick':
      return true;
    default:
      return false;
  }
}
