import { execa } from 'execa';
import type { FoundNetns } from '../../cluster/netns/find.ts';
import { kernelHas } from '../../cluster/netns/kernel.ts';
import { readProc } from '../../cluster/netns/proc.ts';
import { inside, toolEnvironment, visitors } from '../../cluster/netns/run.ts';

/** A table is given up after this long; a million entries take conntrack some seconds. */
const TIMEOUT_MS = 20_000;

/** Entries in a namespace's table, from outside; undefined where that cannot be told. */
export function countEntries({ pids }: FoundNetns): number | undefined {
  const [pid] = pids;
  const table = pid === undefined ? undefined : readProc(`/proc/${pid}/net/stat/nf_conntrack`, 4096);
  const count = table?.split('\n')[1]?.split(' ', 1)[0];
  return count && /^[0-9a-f]+$/.test(count) ? parseInt(count, 16) : undefined;
}

/**
 * Hands on every line of a namespace's table as text, until `take` says it is enough; false where it could
 * not be read to its end. Reading neither loads a part of the kernel nor makes a namespace track.
 */
export async function readTable({ path }: FoundNetns, take: (line: string) => boolean): Promise<boolean> {
  if (!kernelHas('nf_conntrack', 'nf_conntrack_in')) return true;
  const commands = kernelHas('nf_conntrack_netlink', 'ctnetlink_dump_table')
    ? ['ipv4', 'ipv6'].map((family) => ['conntrack', '-L', '-o', 'extended', '-f', family])
    : [];
  let taken = 0;
  const counted = (line: string): boolean => take(line) && ++taken > 0;
  for (const [command = '', ...args] of commands) {
    if (await lines(inside(path, command, args), counted)) continue;
    // Without conntrack-tools; a failure in mid-table is not begun again.
    return taken === 0 && lines(inside(path, 'cat', [PROC]), take);
  }
  return commands.length > 0 || lines(inside(path, 'cat', [PROC]), take);
}

/** Slower (it walks the table from its start for each page), and not in every kernel. */
const PROC = '/proc/net/nf_conntrack';

async function lines(args: readonly string[], take: (line: string) => boolean): Promise<boolean> {
  const child = execa('nsenter', args, {
    env: toolEnvironment(),
    stdin: 'ignore',
    stderr: 'ignore',
    buffer: false,
    encoding: 'latin1',
    reject: false,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const { pid } = child;
  if (pid !== undefined) visitors.add(pid);
  let rest = '';
  let enough = false;
  child.stdout.setEncoding('latin1');
  child.stdout.on('data', (chunk: string) => {
    if (enough) return;
    const whole = (rest + chunk).split('\n');
    rest = whole.pop() ?? '';
    enough = !whole.every(take);
    if (enough) child.kill('SIGKILL');
  });
  const { failed } = await child;
  if (pid !== undefined) visitors.delete(pid);
  return !failed && !enough;
}
