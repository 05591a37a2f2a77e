import type { FoundNetns } from '../../cluster/netns/find.ts';
import type { KubeProxyMode } from '../../cluster/netns/tables.ts';
import { readProc } from '../../cluster/netns/proc.ts';
import { runIn } from '../../cluster/netns/run.ts';
import { Survey } from '../../cluster/netns/survey.ts';
import { type Check, doubtful, fine } from './check.ts';

/** Names, kube-proxy's mode and the use of conntrack of each node on this machine. */
export async function checkNodes(): Promise<Check[]> {
  if (process.getuid?.() !== 0) {
    return [doubtful('network namespaces', 'not looked into: that takes root', 'Run it with sudo.')];
  }
  const { changed, present } = await new Survey().look();
  const checks: Check[] = [];
  for (const { netns, name, role } of changed) {
    const namespace = present.find(({ inum }) => inum === netns);
    if (!namespace || (role !== 'node' && role !== 'host')) continue;
    checks.push(kubeProxyCheck(name, namespace.kubeProxy), await checkConntrack(name, namespace.found));
  }
  const count = (role: string): number => changed.filter((one) => one.role === role).length;
  const found = `${changed.length}: ${count('node')} nodes, ${count('pod')} pods`;
  return [fine('network namespaces', found), ...checks];
}

export function kubeProxyCheck(node: string, mode: KubeProxyMode): Check {
  const name = `kube-proxy on ${node}`;
  if (mode === 'none') return fine(name, 'none: no rules of its making');
  if (mode !== 'ipvs') return fine(name, mode);
  return doubtful(name, mode, 'Rewrites by IPVS are seen, the rule behind them is not named.');
}

export interface ConntrackUse {
  readonly entries: number;
  readonly max: number;
  readonly insertFailed: number;
  readonly dropped: number;
}

/** A table this full may refuse connections in its next burst. */
const FULL = 0.9;

export function conntrackCheck(node: string, use: ConntrackUse | undefined): Check {
  const name = `conntrack on ${node}`;
  if (!use) return fine(name, 'not in use');
  const { entries, max, insertFailed, dropped } = use;
  const losses = `${insertFailed} inserts failed, ${dropped} packets dropped for want of room`;
  const found = `${entries} of ${max} entries (${Math.round((entries / max) * 100)} %), ${losses}`;
  return entries >= FULL * max
    ? doubtful(name, found, 'Raise net.netfilter.nf_conntrack_max: a full table drops new connections.')
    : fine(name, found);
}

/** From /proc/net/stat/nf_conntrack, a row a CPU: entries are the namespace's, counts add up over the rows. */
export function parseConntrackStat(text: string, max: number): ConntrackUse | undefined {
  const [head = '', ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const [first] = rows;
  if (!first) return undefined;
  const at = (row: readonly string[], name: string): number =>
    parseInt(row[head.indexOf(name)] ?? '0', 16) || 0;
  const sum = (name: string): number => rows.reduce((total, row) => total + at(row, name), 0);
  return { entries: at(first, 'entries'), max, insertFailed: sum('insert_failed'), dropped: sum('drop') };
}

async function checkConntrack(node: string, { path, pids }: FoundNetns): Promise<Check> {
  const max = Number(readProc('/proc/sys/net/netfilter/nf_conntrack_max', 32));
  const file = 'net/stat/nf_conntrack';
  const stat =
    (pids[0] === undefined ? undefined : readProc(`/proc/${pids[0]}/${file}`, 64 << 10)) ??
    (await runIn(path, 'cat', [`/proc/${file}`]));
  return conntrackCheck(node, stat === undefined || !max ? undefined : parseConntrackStat(stat, max));
}
