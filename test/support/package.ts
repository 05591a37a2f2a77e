/** nathop as a user gets it: packed from a copy of the checkout, installed where nothing else is. */
import { accessSync, constants, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What packing needs of a checkout; `dist` is built anew. */
const CHECKOUT = [
  ...['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'tsconfig.json'],
  ...['src', 'probes', 'scripts'],
];
/** Of npm packing and installing, on a machine that other tests keep busy. */
export const INSTALL_LIMIT_MS = 180_000;
/** All that PATH leads to: no compiler among it. */
const PROGRAMS = ['node', 'npm', 'npx', 'sh'];

export class Installed {
  readonly tarball: string;
  /** The folder that it is installed in. */
  readonly project: string;
  readonly #folder: string;

  private constructor(folder: string, tarball: string) {
    this.#folder = folder;
    this.tarball = tarball;
    this.project = join(folder, 'project');
  }

  /** Offline: what is installed needs nothing but itself. `cap` is left out. */
  static async make(): Promise<Installed> {
    const folder = mkdtempSync(join(tmpdir(), 'nathop-package-'));
    try {
      return await Installed.#in(folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  static async #in(folder: string): Promise<Installed> {
    mkdirSync(join(folder, 'bin'));
    for (const name of PROGRAMS) symlinkSync(which(name), join(folder, 'bin', name));
    const installed = new Installed(folder, await pack(folder));
    mkdirSync(installed.project);
    const { failed, stderr } = await installed.#run('npm', [
      ...['install', '--offline', '--omit=optional', '--no-audit', '--no-fund', installed.tarball],
    ]);
    if (failed) throw new Error(stderr);
    return installed;
  }

  nathop(args: readonly string[]) {
    return this.#run('npx', ['--offline', 'nathop', ...args]);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(command: string, args: readonly string[]) {
    return execa(join(this.#folder, 'bin', command), args, {
      cwd: this.project,
      env: { PATH: join(this.#folder, 'bin'), HOME: this.#folder },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      stripFinalNewline: false,
      maxBuffer: 1 << 28,
    });
  }
}

/** @returns the tarball */
async function pack(folder: string): Promise<string> {
  const checkout = join(folder, 'checkout');
  for (const name of CHECKOUT) cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  const { stdout } = await execa('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: checkout,
  });
  return join(folder, stdout.trim());
}

function which(name: string): string {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // In the next folder, then.
    }
  }
  throw new Error(`${name} is not in PATH`);
}
