/** How a node's conntrack stands: its room, what it lost, and how strict it is. */
import type { FoundNetns } from '../../cluster/netns/find.ts';
import { runIn } from '../../cluster/netns/run.ts';
import { conntrackMax, countsAt, NEARLY_FULL, parseConntrackStat } from '../conntrack/counters.ts';
import type { ConntrackCounts } from '../conntrack/counters.ts';
import { type Check, doubtful, fine } from './check.ts';
import type { Settings } from './settings.ts';

export async function checkConntrack(
  node: string,
  { path, pids }: FoundNetns,
  settings: Settings,
): Promise<Check[]> {
  const [pid] = pids;
  const text = pid === undefined ? await runIn(path, 'cat', ['/proc/net/stat/nf_conntrack']) : undefined;
  const counts = pid === undefined ? parseConntrackStat(text ?? '') : countsAt(pid);
  return conntrackChecks(node, counts, conntrackMax(), settings);
}

export function conntrackChecks(
  node: string,
  counts: ConntrackCounts | undefined,
  max: number | undefined,
  settings: Settings,
): Check[] {
  if (counts === undefined || max === undefined) return [fine(`conntrack on ${node}`, 'not in use')];
  return [room(node, counts, max), races(node, counts), strictness(node, counts, settings)];
}

function room(node: string, { entries, drop, earlyDrop }: ConntrackCounts, max: number): Check {
  const name = `conntrack on ${node}`;
  const share = Math.round((entries / max) * 100);
  const found = `${entries} of ${max} entries (${share} %); dropped since boot for want of room: ${drop} packets; evicted early: ${earlyDrop} entries`;
  const values = { entries, max, drop, early_drop: earlyDrop };
  const means =
    'In a full table nothing new finds room: first packets are dropped (nf_conntrack: table full), and clients try again until they time out.';
  const mend =
    'Raise net.netfilter.nf_conntrack_max (kube-proxy: conntrack.maxPerCore), or shorten nf_conntrack_tcp_timeout_time_wait; see who fills it: conntrack -L | cut -d= -f2 | sort | uniq -c | sort -n';
  return entries >= NEARLY_FULL * max || drop + earlyDrop > 0
    ? doubtful(name, found, mend, { means, values })
    : fine(name, found, { means, values });
}

function races(node: string, { insertFailed, clashResolved, searchRestart }: ConntrackCounts): Check {
  const name = `conntrack races on ${node}`;
  const found = `${insertFailed} inserts failed, ${clashResolved} clashes resolved, ${searchRestart} searches begun anew`;
  const values = { insert_failed: insertFailed, clash_resolve: clashResolved, search_restart: searchRestart };
  const means =
    'An insert that fails drops the first packet of a flow that lost the race for its tuple: a look-up of A and AAAA at once then waits 5 s, a SYN is sent again after 1 s. A clash resolved lost nothing.';
  const mend =
    'If look-ups hang: NodeLocal DNSCache, or options single-request-reopen in resolv.conf. If it is TCP behind one SNAT address: masquerade with --random-fully, or use more addresses.';
  return insertFailed > 0
    ? doubtful(name, found, mend, { means, values })
    : fine(name, found, { means, values });
}

function strictness(node: string, { invalid }: ConntrackCounts, settings: Settings): Check {
  const liberal = settings.get('netfilter/nf_conntrack_tcp_be_liberal');
  const loose = settings.get('netfilter/nf_conntrack_tcp_loose');
  const onOff = (value: number | undefined): string =>
    value === undefined ? 'not known' : value === 0 ? 'off' : 'on';
  const found = `${invalid} packets were of no connection (invalid); tcp_be_liberal ${onOff(liberal)}, tcp_loose ${onOff(loose)}`;
  const values = {
    invalid,
    ...(liberal !== undefined && { tcp_be_liberal: liberal }),
    ...(loose !== undefined && { tcp_loose: loose }),
  };
  const means = [
    liberal === 0
      ? 'A TCP segment outside of the window is invalid and is not translated back: kube-proxy drops it by a rule; without that rule the client resets the connection.'
      : 'TCP segments outside of the window are translated all the same.',
    loose === 0
      ? 'A connection whose entry is gone is invalid from then on, and hangs.'
      : 'A connection whose entry is gone is taken up in its midst, without its translation.',
  ].join(' ');
  return fine(`conntrack strictness on ${node}`, found, { means, values });
}
