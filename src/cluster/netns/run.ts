import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Processes of ours that stand in someone else's namespace: they must not be taken for its inhabitants. */
export const visitors = new Set<number>();

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** What a tool wrote to stdout, or undefined where it failed: a namespace may vanish while it is read. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string | undefined> {
  const bytes = await runForBytes(command, args, options);
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** The same inside the namespace that `path` (a mount or /proc/PID/ns/net) leads to. */
export const runIn = (
  path: string,
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string | undefined> => run('nsenter', inside(path, command, args), options);

/** The same without decoding, for outputs of many megabytes. */
export const runForBytesIn = (
  path: string,
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<Uint8Array | undefined> => runForBytes('nsenter', inside(path, command, args), options);

/** Arguments for nsenter. */
export const inside = (path: string, command: string, args: readonly string[]): string[] => [
  `--net=${path}`,
  command,
  ...args,
];

/** Set in the environment of all we start inside of namespaces: another nathop must not take it for a reason to stay. */
export const VISITOR = 'NATHOP_VISITOR=1';

/** sudo and cron often leave the directories of ip, nft, iptables and bpftrace out of PATH. */
export const toolPath = (): string =>
  `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;

export const toolEnvironment = (): Record<string, string> => ({
  LC_ALL: 'C',
  NATHOP_VISITOR: '1',
  PATH: toolPath(),
});

/** By Node's own execFile: these are hundreds at the start, and execa takes twice the processor time for each. */
async function runForBytes(
  command: string,
  args: readonly string[],
  { timeoutMs = 10_000, maxBytes = 16 << 20 }: RunOptions = {},
): Promise<Uint8Array | undefined> {
  await turn();
  const finished = execute(command, args, {
    env: { ...process.env, ...toolEnvironment() },
    encoding: 'buffer',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: maxBytes,
  });
  const { pid } = finished.child;
  if (pid !== undefined) visitors.add(pid);
  try {
    return (await finished).stdout;
  } catch {
    return undefined;
  } finally {
    if (pid !== undefined) visitors.delete(pid);
    next();
  }
}

const execute = promisify(execFile);

/** As many at once: enough to keep two cores busy, too few to be felt on a node. */
const AT_ONCE = 4;
let running = 0;
const waiting: (() => void)[] = [];

async function turn(): Promise<void> {
  if (running < AT_ONCE) {
    running++;
    return;
  }
  await new Promise<void>((resolve) => waiting.push(resolve));
}

function next(): void {
  const first = waiting.shift();
  if (first) first();
  else running--;
}
