/** Guests for tests: where this machine can emulate one, and which releases are asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { imageOf } from '../../scripts/vm/image.ts';
import { runInGuest, type Answer, type Job } from '../../scripts/vm/machine.ts';
import { projectDisk } from '../../scripts/vm/project.ts';
import { SUITES, type Suite } from '../../scripts/vm/suites.ts';
import { which } from '../../src/sources/machine/tools.ts';
import { group, type Group } from '../support/live.ts';

/** `npm run test:vm` names them. Without it, and so in CI, one is enough: an emulated machine is slow. */
const named = process.env['NATHOP_VM'] ?? 'trixie';
export const releases: readonly Suite[] =
  named === 'all' ? SUITES : SUITES.filter((suite) => named.split(',').includes(suite));

/** A group of tests in guests. Where they cannot be emulated it is left out, for the reason given, and fails in CI. */
export async function emulated(): Promise<Group> {
  if (process.getuid?.() !== 0) return group("needs root, to make Debian's root file systems");
  for (const program of ['qemu-system-x86_64', 'mmdebstrap', 'mke2fs'])
    if ((await which(program)) === undefined) return group(`${program} is not installed`);
  return group(undefined);
}

type GuestJob = Omit<Job, 'hostname' | 'image' | 'project' | 'within'> & Partial<Pick<Job, 'hostname'>>;

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** The guests of one test file, which share the project's disk; they and what they left go with the tests, however those end. */
export class Guests {
  readonly #stop = new AbortController();
  #folder: string | undefined;
  #project: Promise<string> | undefined;

  /** Has everything of theirs. */
  get folder(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'nathop-guests-'));
      for (const signal of SIGNALS) process.once(signal, this.#end);
    }
    return this.#folder;
  }

  /** @throws where the program fails, with what it printed last */
  async run(suite: Suite, job: GuestJob): Promise<Answer> {
    this.#project ??= projectDisk(this.folder, { 'traced-lab': 'test/vm/guest.ts' });
    const answer = await runInGuest({
      hostname: suite,
      signal: this.#stop.signal,
      ...job,
      image: await imageOf(suite, (text) => process.stderr.write(`vm: ${text}\n`)),
      project: await this.#project,
      within: this.folder,
    });
    if (answer.status === 0) return answer;
    throw new Error(
      `${suite}: ${job.command} ended with status ${answer.status}\n${answer.output.slice(-2_000)}`,
    );
  }

  /** Ends those that still run. */
  remove(): void {
    this.#stop.abort();
    for (const signal of SIGNALS) process.off(signal, this.#end);
    // What is written there meanwhile is removed at another attempt.
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
    this.#folder = undefined;
  }

  /** All at once: vitest, if it is still there, waits half a second. */
  readonly #end = (signal: NodeJS.Signals): void => {
    this.remove();
    process.kill(process.pid, signal);
  };
}
