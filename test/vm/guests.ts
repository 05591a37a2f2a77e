/** Guests for tests: where this machine can emulate one, and which releases are asked for. */
import { mkdtemp, rm } from 'node:fs/promises';
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

type GuestJob = Omit<Job, 'hostname' | 'image' | 'project'> & Partial<Pick<Job, 'hostname'>>;

/** The guests of one test file, which share the project's disk; what they left is removed with them. */
export class Guests {
  readonly #folders: string[] = [];
  readonly #stop = new AbortController();
  #project: Promise<string> | undefined;

  /** @throws where the program fails, with what it printed last */
  async run(suite: Suite, job: GuestJob): Promise<Answer> {
    this.#project ??= this.#makeProject();
    const answer = await runInGuest({
      hostname: suite,
      signal: this.#stop.signal,
      ...job,
      image: await imageOf(suite, (text) => process.stderr.write(`vm: ${text}\n`)),
      project: await this.#project,
    });
    this.#folders.push(answer.folder);
    if (answer.status === 0) return answer;
    throw new Error(
      `${suite}: ${job.command} ended with status ${answer.status}\n${answer.output.slice(-2_000)}`,
    );
  }

  async #makeProject(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'nathop-guests-'));
    this.#folders.push(folder);
    return projectDisk(folder, { 'traced-lab': 'test/vm/guest.ts' });
  }

  /** Ends those that still run. */
  async remove(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
