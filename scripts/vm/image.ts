/**
 * Root file systems of Debian's releases, provisioned as nodes are, with what the lab needs besides. Made once, and kept
 * in the user's cache, where a fresh checkout finds them too: guests have no network.
 */
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { FailedError } from '../../src/events/errors.ts';
import { run } from '../lab/run.ts';
import { debianMirror } from './mirror.ts';
import { programsOf, type Suite } from './suites.ts';

/** What boots. Never written to: QEMU keeps what the guest writes apart. */
export interface Image {
  readonly kernel: string;
  readonly initrd: string;
  /** ext4, without a partition table. */
  readonly disk: string;
}

/** What the root file system is made of, besides Debian's packages. */
const INGREDIENTS = ['customize.sh', 'init.sh', '../provision.sh', '../packages.txt'];
export const INIT_IN_GUEST = '/sbin/nathop-init';
const DISK_SIZE = '3G';
const TAIL_LINES = 20;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const OPTIONS = [
  ...['--mode=root', '--variant=minbase', '--quiet'],
  // A mirror may be some weeks behind, and a release past its end has no newer index.
  '--aptopt=Acquire::Check-Valid-Until "false"',
  ...['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'].map(
    (path) => `--dpkgopt=path-exclude=${path}`,
  ),
];

const made = new Map<Suite, Promise<Image>>();

/** @param say told what takes its time */
export function imageOf(suite: Suite, say: (text: string) => void): Promise<Image> {
  const image = made.get(suite) ?? findOrMake(suite, say);
  made.set(suite, image);
  return image;
}

async function findOrMake(suite: Suite, say: (text: string) => void): Promise<Image> {
  const folder = join(cacheFolder(), `${suite}-${await recipe(suite)}`);
  if (!(await isThere(folder))) await make(suite, folder, say);
  return {
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd.img'),
    disk: join(folder, 'root.ext4'),
  };
}

/** Another recipe is another image. */
async function recipe(suite: Suite): Promise<string> {
  const parts = [
    ...sources(suite, '', ''),
    ...kernelOf(suite),
    ...OPTIONS,
    DISK_SIZE,
    ...(await Promise.all(INGREDIENTS.map((name) => readFile(here(name), 'utf8')))),
  ];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}

/** What mmdebstrap is told: release, folder, and the archive's lists. */
function sources(suite: Suite, root: string, mirror: string): string[] {
  const programs = programsOf(suite);
  return [programs, root, ...new Set([programs, suite].map((one) => `deb ${mirror} ${one} main`))];
}

/** Where it is of another release than the programs, apt is to choose it all the same. */
function kernelOf(suite: Suite): string[] {
  if (programsOf(suite) === suite) return [];
  const pin = `Package: linux-image-*\\nPin: release n=${suite}\\nPin-Priority: 1001\\n`;
  return [
    `--setup-hook=mkdir -p "$1/etc/apt/preferences.d" && printf '${pin}' >"$1/etc/apt/preferences.d/kernel"`,
  ];
}

const cacheFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nathop', 'vm');

async function make(suite: Suite, folder: string, say: (text: string) => void): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new FailedError('a root file system is made by root', 'run it with sudo.');
  say(`making ${suite}'s root file system (once; half a minute, some 300 MB of Debian's packages)`);
  const mirror = await debianMirror();
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(cacheFolder(), `.${suite}-`));
  try {
    const root = join(work, 'root');
    await makeRoot([...OPTIONS, ...kernelOf(suite), ...sources(suite, root, mirror)]);
    const [kernel, initrd] = await Promise.all([bootFile(root, 'vmlinuz-'), bootFile(root, 'initrd.img-')]);
    await rename(kernel, join(work, 'vmlinuz'));
    await rename(initrd, join(work, 'initrd.img'));
    await run('mke2fs', ['-q', '-t', 'ext4', '-d', root, join(work, 'root.ext4'), DISK_SIZE]);
    await rm(root, { recursive: true, force: true });
    await removeOlder(suite);
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Where it fails, what it said last says why. */
async function makeRoot(args: readonly string[]): Promise<void> {
  const customize = `--customize-hook=${here('customize.sh')}`;
  const { failed, shortMessage, stderr } = await execa('mmdebstrap', [customize, ...args], {
    reject: false,
    env: { LC_ALL: 'C' },
  });
  if (failed)
    throw new FailedError(
      shortMessage ?? 'mmdebstrap failed',
      stderr.split('\n').slice(-TAIL_LINES).join('\n'),
    );
}

async function bootFile(root: string, prefix: string): Promise<string> {
  const names = await readdir(join(root, 'boot'));
  const name = names.find((one) => one.startsWith(prefix));
  if (name === undefined) throw new Error(`no ${prefix}* in the image's /boot`);
  return join(root, 'boot', name);
}

async function removeOlder(suite: Suite): Promise<void> {
  const names = await readdir(cacheFolder());
  const older = names.filter((name) => name.startsWith(`${suite}-`));
  await Promise.all(older.map((name) => rm(join(cacheFolder(), name), { recursive: true, force: true })));
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
