import { clean } from '../../events/clean.ts';
import { type CgroupFacts, parseCgroup } from './cgroup.ts';
import { readProc } from './proc.ts';

/** What one process tells of the namespace it is in. */
export interface ProcessFacts extends CgroupFacts {
  readonly comm: string;
  /** The name that kubelet, kube-proxy or k3s was told to give its node. */
  readonly nodeName?: string;
}

/** Undefined where it has ended. */
export function readProcess(pid: number | 'self'): ProcessFacts | undefined {
  const comm = readProc(`/proc/${pid}/comm`, 64);
  const cgroup = readProc(`/proc/${pid}/cgroup`, 8192);
  if (comm === undefined || cgroup === undefined) return undefined;
  const name = clean(comm.trimEnd(), 15);
  const nodeName = NODE_AGENTS.has(name)
    ? nodeNameIn(readProc(`/proc/${pid}/cmdline`, 65_536) ?? '')
    : undefined;
  return { comm: name, ...parseCgroup(cgroup), ...(nodeName === undefined ? {} : { nodeName }) };
}

/** Processes of which a Kubernetes node has at least one. */
export const NODE_AGENTS: ReadonlySet<string> = new Set([
  'kubelet',
  'kube-proxy',
  'k3s',
  'k3s-server',
  'kubelite',
  'k3s-agent',
]);

/** From a command line as /proc has it, its arguments ended by NUL. */
export function nodeNameIn(cmdline: string): string | undefined {
  const words = cmdline.split('\0');
  for (const [index, word] of words.entries()) {
    const [, inline] = /^--(?:hostname-override|node-name)(?:=(.*))?$/.exec(word) ?? [];
    const name = inline ?? (/^--(?:hostname-override|node-name)$/.test(word) ? words[index + 1] : undefined);
    if (name) return clean(name, 253);
  }
  return undefined;
}
