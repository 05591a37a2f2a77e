/**
 * What the namespaces' conntrack counted of itself, as far as it tells why packets were dropped: nf_conntrack_in()
 * counts each packet that it drops for want of an entry.
 */
import type { ConntrackStatsEvent, NetnsId } from '../events/event.ts';

/** A table this full refuses what is new sooner or later. */
const FULL = 0.95;
/** Rises of the count remembered a namespace. */
const MAX_RISES = 32;

/** It dropped packets between two looks. */
interface Rise {
  readonly from: number;
  readonly to: number;
  /** The look that found more entries, of the two. */
  readonly counts: ConntrackStatsEvent;
}

export class ConntrackCounts {
  private readonly latest = new Map<NetnsId, ConntrackStatsEvent>();
  private readonly rises = new Map<NetnsId, readonly Rise[]>();

  take(event: ConntrackStatsEvent): void {
    const { netns, drop, entries, at: to } = event;
    const before = this.latest.get(netns);
    this.latest.set(netns, event);
    // Nothing is told of a table before it is used, or before the trace.
    const { at: from, ...past } = before ?? { at: -Infinity, drop: 0, entries: 0 };
    if (drop <= past.drop) return;
    const counts = { ...event, entries: Math.max(past.entries, entries) };
    const known = this.rises.get(netns) ?? [];
    this.rises.set(netns, [...known.slice(1 - MAX_RISES), { from, to, counts }]);
  }

  forget(netns: NetnsId): void {
    this.latest.delete(netns);
    this.rises.delete(netns);
  }

  /** Where the table was full when a packet was dropped: by the looks around that time, or the last before. */
  full(netns: NetnsId, at: number): ConntrackStatsEvent | undefined {
    const around = this.rises.get(netns)?.find(({ from, to }) => from < at && at <= to);
    const latest = this.latest.get(netns);
    const counts = around?.counts ?? (latest !== undefined && latest.at < at ? latest : undefined);
    return counts !== undefined && counts.entries >= FULL * counts.max ? counts : undefined;
  }
}
