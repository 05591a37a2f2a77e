/** What the namespaces' conntrack last counted of itself, as far as it tells why packets were dropped. */
import type { ConntrackStatsEvent, NetnsId } from '../events/event.ts';

/** A table this full refuses what is new sooner or later. */
const FULL = 0.95;

export class ConntrackCounts {
  private readonly latest = new Map<NetnsId, ConntrackStatsEvent>();

  take(event: ConntrackStatsEvent): void {
    this.latest.set(event.netns, event);
  }

  forget(netns: NetnsId): void {
    this.latest.delete(netns);
  }

  /** Where the table was full when it was last looked at. */
  full(netns: NetnsId): ConntrackStatsEvent | undefined {
    const counts = this.latest.get(netns);
    return counts !== undefined && counts.entries >= FULL * counts.max ? counts : undefined;
  }
}
