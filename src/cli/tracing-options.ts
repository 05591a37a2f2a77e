/** Flags of the verbs that trace this machine. */
import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { CannotTraceError } from '../events/errors.ts';

export interface TracingOptions {
  readonly probes: 'auto' | 'tracepoint' | 'precise';
  readonly detail: 'auto' | 'path' | 'nat';
  readonly netns: readonly string[];
  readonly readyFile?: string;
  readonly bufferPages: number;
  readonly maxConnections: number;
  readonly l7: boolean;
  readonly keepQuery: boolean;
  readonly kube: boolean;
  readonly kubeconfig?: string;
}

export function addTracing(command: Command): void {
  command
    .addOption(
      new Option('--probes <set>', 'which probes to attach')
        .choices(['auto', 'tracepoint', 'precise'])
        .default('auto'),
    )
    .addOption(
      new Option('--detail <level>', 'every device (path), or one event a connection and node (nat)')
        .choices(['auto', 'path', 'nat'])
        .default('auto'),
    )
    .option(
      '--netns <which...>',
      'auto (all, but for what stays on loopback), all, or names or inode numbers',
      ['auto'],
    )
    .option('--ready-file <path>', 'made once everything is attached, removed at the end')
    .option('--no-l7', 'no message heads: no HTTP, PROXY protocol, TLS names, DNS')
    .option('--keep-query', 'keep the query strings of requests, which may hold secrets', false)
    .option('--no-kube', 'ask no Kubernetes API for names')
    .option('--kubeconfig <file>', 'how to reach it; else $KUBECONFIG, this pod, or what the node has')
    .option(
      '--buffer-pages <n>',
      "pages of bpftrace's buffer for each CPU, a power of two",
      powerOfTwo,
      bufferPages(),
    );
  addEngine(command);
}

/** 16 MB for each CPU lose least under load; where there are many CPUs that would be gigabytes. */
const bufferPages = (): number => (availableParallelism() <= 16 ? 4096 : 1024);

/** What the engine takes, whatever feeds it. */
export function addEngine(command: Command): void {
  command.option(
    '--max-connections <n>',
    'connections remembered at most, about 1.5 KB each',
    connections,
    100_000,
  );
}

/** What any of the flags needs. */
export function checkTracing(): void {
  // bpftrace wants the user as well as the capabilities, and without either the first thing to fail is a mount.
  if (process.geteuid?.() !== 0) {
    throw new CannotTraceError('tracing needs root', 'run it with sudo; `nathop replay` needs no root');
  }
}

export function atLeastOne(text: string): number {
  const n = Number(text);
  if (!/^\d{1,9}$/.test(text) || n < 1) throw new InvalidArgumentError('It must be a number from 1.');
  return n;
}

/** More would not fit into what Node gives a program. */
const MOST_CONNECTIONS = 2_000_000;

function connections(text: string): number {
  const n = atLeastOne(text);
  if (n > MOST_CONNECTIONS)
    throw new InvalidArgumentError(`It must be a number up to ${String(MOST_CONNECTIONS)}.`);
  return n;
}

function powerOfTwo(text: string): number {
  const n = atLeastOne(text);
  if ((n & (n - 1)) !== 0 || n > 65_536) {
    throw new InvalidArgumentError('It must be a power of two up to 65536, such as 512 or 4096.');
  }
  return n;
}
