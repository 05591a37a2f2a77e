/** What the conntrack of each namespace counts of itself: read without a process of one's own, told when trouble moves. */
import type { Namespace } from '../../cluster/netns/namespace.ts';
import { namespaceOf } from '../../cluster/netns/find.ts';
import { readProc } from '../../cluster/netns/proc.ts';
import type { ConntrackStatsEvent, NetnsId } from '../../events/event.ts';

export type ConntrackCounts = Omit<ConntrackStatsEvent, 'kind' | 'at' | 'netns' | 'max'>;

/** A table this full may refuse connections in its next burst. */
export const NEARLY_FULL = 0.9;

/** From /proc/net/stat/nf_conntrack, a row a CPU: entries are the namespace's, counts add up over the rows. */
export function parseConntrackStat(text: string): ConntrackCounts | undefined {
  const [head = '', ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const [first] = rows;
  if (!first) return undefined;
  const at = (row: readonly string[], column: number): number => parseInt(row[column] ?? '0', 16) || 0;
  // Kernels have called some of them otherwise; where one is missing nothing is counted.
  const sum = (...names: string[]): number => {
    const column = head.indexOf(names.find((name) => head.includes(name)) ?? '');
    return column === -1 ? 0 : rows.reduce((total, row) => total + at(row, column), 0);
  };
  return {
    entries: at(first, head.indexOf('entries')),
    insertFailed: sum('insert_failed'),
    drop: sum('drop'),
    earlyDrop: sum('early_drop'),
    clashResolved: sum('clashres', 'clash_resolve'),
    searchRestart: sum('search_restart'),
    invalid: sum('invalid'),
  };
}

/** Of the namespace that a process is in. */
export function countsAt(pid: number): ConntrackCounts | undefined {
  const text = readProc(`/proc/${String(pid)}/net/stat/nf_conntrack`, 64 << 10);
  return text === undefined ? undefined : parseConntrackStat(text);
}

/** The machine's limit; undefined where conntrack is not loaded. */
export function conntrackMax(): number | undefined {
  return Number(readProc('/proc/sys/net/netfilter/nf_conntrack_max', 32)) || undefined;
}

/** Tells of a namespace at first sight of its table in use, and when it has met trouble since. */
export class ConntrackCounters {
  readonly #told = new Map<NetnsId, string>();

  /** @param visitorIn a process of ours that stands in a namespace which has no other */
  *look(
    present: Iterable<Namespace>,
    visitorIn: (netns: NetnsId) => number | undefined,
  ): Generator<Omit<ConntrackStatsEvent, 'at'>> {
    const max = conntrackMax();
    if (max === undefined) return;
    for (const { inum: netns, found } of present) {
      const pid = found.pids[0] ?? visitorIn(netns);
      // It enters the namespace a moment after its start.
      if (pid === undefined || namespaceOf(pid) !== netns) continue;
      const counts = countsAt(pid);
      if (counts === undefined || !this.#isNews(netns, counts, max)) continue;
      yield { kind: 'conntrack-stats', netns, max, ...counts };
    }
  }

  forget(netns: NetnsId): void {
    this.#told.delete(netns);
  }

  #isNews(netns: NetnsId, counts: ConntrackCounts, max: number): boolean {
    const { entries, insertFailed, drop, earlyDrop, clashResolved } = counts;
    const known = this.#told.get(netns);
    if (known === undefined && entries + insertFailed + drop + earlyDrop + clashResolved === 0) return false;
    const trouble = [insertFailed, drop, earlyDrop, clashResolved, entries >= NEARLY_FULL * max].join(' ');
    this.#told.set(netns, trouble);
    return known !== trouble;
  }
}
