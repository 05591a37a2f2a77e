import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { until } from './network.ts';

/** As users run it: the bundle, which the live tests' set-up builds where it is older than its sources. */
const BUNDLE = fileURLToPath(new URL('../../dist/nathop.js', import.meta.url));

/** On an emulated machine bpftrace takes its time to compile; nathop itself gives up sooner, and says why. */
const READY_LIMIT_MS = 660_000;

export interface Ended {
  readonly status: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** nathop as a process of its own. */
export class Nathop {
  /** Holds the ready file, and what a test wants to put beside it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'nathop-live-'));
  readonly readyFile = join(this.folder, 'ready');
  readonly ended: Promise<Ended>;
  readonly #child: ReturnType<typeof spawn>;

  /** @param args may use the folder */
  constructor(args: (folder: string) => readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn([...args(this.folder), '--ready-file', this.readyFile], env);
    this.ended = Promise.resolve(this.#child).then(({ exitCode, signal, stdout, stderr }) => ({
      status: exitCode,
      signal,
      stdout,
      stderr,
    }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves once everything is attached. */
  async ready(): Promise<void> {
    const attached = until(() => (existsSync(this.readyFile) ? true : undefined), READY_LIMIT_MS);
    const first = await Promise.race([attached, this.ended]);
    if (first !== true) throw new Error(`nathop ended before it was ready: ${first.stderr}`);
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To all of its process group, as a terminal's Ctrl-C. */
  sendToGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Ends it in good order and tells what it printed. */
  async end(): Promise<Ended> {
    this.send('SIGINT');
    return this.ended;
  }

  /** Nothing of it stays, whatever became of the test. */
  async remove(): Promise<void> {
    this.send('SIGKILL');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs it to its end. */
export async function runNathop(args: readonly string[]): Promise<Ended> {
  const { exitCode, signal, stdout, stderr } = await spawn(args);
  return { status: exitCode, signal, stdout, stderr };
}

const spawn = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  // It ends with the tests, however they end.
  execa('setpriv', ['--pdeathsig', 'TERM', process.execPath, BUNDLE, ...args], {
    reject: false,
    env,
    detached: true,
    stdin: 'ignore',
    stripFinalNewline: false,
    maxBuffer: 1 << 28,
  });
