/** What a recording's header says of the machine that it was made on. */
import { readFile } from 'node:fs/promises';
import { hostname, release } from 'node:os';
import { execa } from 'execa';
import { toolPath } from '../cluster/netns/run.ts';

export interface MachineFacts {
  readonly node: string;
  /** Tells this boot of this machine from every other. */
  readonly boot: string;
  readonly kernel: string;
  readonly bpftrace?: string;
}

export async function machineFacts(): Promise<MachineFacts> {
  const node = hostname();
  const [boot, bpftrace] = await Promise.all([
    // Hidden in some sandboxes; then machines are told apart by name.
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => node),
    bpftraceVersion(),
  ]);
  return { node, boot: boot.trim(), kernel: release(), ...(bpftrace !== undefined && { bpftrace }) };
}

async function bpftraceVersion(): Promise<string | undefined> {
  const { stdout } = await execa('bpftrace', ['--version'], {
    reject: false,
    timeout: 5_000,
    stdin: 'ignore',
    env: { PATH: toolPath() },
  });
  return /v(\d[\w.-]*)/.exec(typeof stdout === 'string' ? stdout : '')?.[1];
}
