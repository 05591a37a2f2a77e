import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { readProc } from './proc.ts';
import { VISITOR, visitors } from './run.ts';

/** A network namespace of this machine and the ways into it. */
export interface FoundNetns {
  readonly inum: number;
  /** For `nsenter --net=`: a mount where there is one (it stays), else a process's. */
  readonly path: string;
  /** Ascending. */
  readonly pids: readonly number[];
  /** Where it is mounted: /run/netns/NAME, /run/docker/netns/ID, … */
  readonly mounts: readonly string[];
}

/** Every namespace that has a process or a mount, the way `lsns -t net` and `ip netns` know them. */
export async function findNamespaces(): Promise<Map<number, FoundNetns>> {
  const mounts = parseMounts(readProc('/proc/self/mountinfo', MOUNTS_LIMIT) ?? '');
  const pids = await processesByNamespace();
  const own = namespaceOf('self');
  const found = new Map<number, FoundNetns>();
  for (const inum of new Set([...pids.keys(), ...mounts.keys()])) {
    const mountedAt = mounts.get(inum) ?? [];
    const inhabitants = pids.get(inum) ?? [];
    if (mountedAt.length === 0 && inhabitants.length <= FEW && inhabitants.every(isVisitor)) continue;
    const path = mountedAt[0] ?? `/proc/${inum === own ? 'self' : inhabitants[0]}/ns/net`;
    found.set(inum, { inum, path, pids: inhabitants, mounts: mountedAt });
  }
  return found;
}

/** A node with hundreds of Pods has some thousand mounts, of 200 bytes each. */
const MOUNTS_LIMIT = 16 << 20;

/** Up to so many inhabitants may all be visitors: the watchers of as many nathops, which keep a namespace alive. */
const FEW = 8;

const isVisitor = (pid: number): boolean =>
  readProc(`/proc/${pid}/environ`, 64 << 10)?.includes(VISITOR) ?? true;

/** The namespace of a process, or undefined where it has ended. */
export function namespaceOf(pid: number | 'self'): number | undefined {
  try {
    return inumIn(readlinkSync(`/proc/${pid}/ns/net`));
  } catch {
    return undefined;
  }
}

/** Mount points of network namespaces by inode number, from the text of /proc/PID/mountinfo (proc(5)). */
export function parseMounts(mountinfo: string): Map<number, string[]> {
  const mounts = new Map<number, string[]>();
  for (const line of mountinfo.split('\n')) {
    const [, , , root, point] = line.split(' ', 5);
    if (root === undefined || point === undefined) continue;
    const inum = inumIn(root);
    if (inum === undefined || !line.includes(' - nsfs ')) continue;
    const path = point.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(parseInt(octal, 8)),
    );
    const known = mounts.get(inum);
    if (known) known.push(path);
    else mounts.set(inum, [path]);
  }
  return mounts;
}

/** How many processes are looked at before others get a turn: about a millisecond's worth. */
const SLICE = 200;

async function processesByNamespace(): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  const pids = readdirSync('/proc')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
  for (const [index, pid] of pids.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    if (visitors.has(pid)) continue;
    const inum = namespaceOf(pid);
    if (inum === undefined) continue;
    const known = found.get(inum);
    if (known) known.push(pid);
    else found.set(inum, [pid]);
  }
  return found;
}

function inumIn(link: string): number | undefined {
  const inum = /^net:\[(\d+)\]$/.exec(link)?.[1];
  return inum === undefined ? undefined : Number(inum);
}
