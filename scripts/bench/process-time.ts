/** What a program and all that it started has taken of the processors so far. */
import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ, in which /proc tells times on all of Linux's common machines. */
const TICKS_PER_SECOND = 100;

/** @returns seconds, of those of its descendants that still run, and of what it has waited for */
export async function processSeconds(root: number): Promise<number> {
  const processes = await readProcesses();
  const family = new Set([root]);
  // Until no child of one that is known is new.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid);
  }
  return processes.reduce((sum, { pid, seconds }) => sum + (family.has(pid) ? seconds : 0), 0);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly seconds: number;
}

async function readProcesses(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.filter((stat) => stat !== '').map(processOf);
}

/** proc_pid_stat(5): the command, in brackets, may hold anything. */
function processOf(stat: string): Process {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const times = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
  return { pid: Number.parseInt(stat, 10), parent, seconds: times / TICKS_PER_SECOND };
}
