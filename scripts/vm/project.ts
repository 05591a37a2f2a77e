/**
 * The project as guests see it, at /nathop: the package, which the guest installs as a node does, and programs of the
 * repository, bundled so that they run without its development dependencies. A disk of its own, read only, made anew each
 * time.
 */
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as esbuild, type Plugin } from 'esbuild';
import { run } from '../lab/run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Programs of the repository by the names they have in the guest. */
export type Programs = Readonly<Record<string, string>>;
const PROGRAMS: Programs = { lab: 'scripts/lab/main.ts', bench: 'scripts/bench/precise.ts' };
const COPIED = [
  ...['scripts/provision.sh', 'scripts/packages.txt'],
  ...['scripts/lab/peer', 'test/fixtures/kube-proxy'],
];
/** What provision.sh makes of the package, and what of it is looked for where a checkout has it. */
const INSTALLED = { at: '/usr/local/lib/nathop', names: ['package.json', 'dist', 'probes'] };
const DISK_SIZE = '128M';

/** @param folder holds the disk, and what it is made of meanwhile */
export async function projectDisk(folder: string, more: Programs = {}): Promise<string> {
  const programs = { ...PROGRAMS, ...more };
  const staged = join(folder, 'project');
  const disk = join(folder, 'project.ext4');
  await mkdir(join(staged, 'bin'), { recursive: true });
  await pack(staged);
  for (const name of INSTALLED.names) await symlink(join(INSTALLED.at, name), join(staged, name));
  for (const path of COPIED) await copy(path, staged);
  await bundle(Object.values(programs), staged);
  for (const [name, path] of Object.entries(programs)) await writeProgram(staged, name, bundled(path));
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', staged, disk, DISK_SIZE]);
  await rm(staged, { recursive: true });
  return disk;
}

/** As it was built. */
async function pack(staged: string): Promise<void> {
  const tarball = await run('npm', [
    ...['pack', '--silent', '--ignore-scripts', '--pack-destination', staged, ROOT],
  ]);
  await rename(join(staged, tarball), join(staged, 'nathop.tgz'));
}

async function copy(path: string, staged: string): Promise<void> {
  await mkdir(dirname(join(staged, path)), { recursive: true });
  await cp(join(ROOT, path), join(staged, path), { recursive: true });
}

const bundled = (path: string): string => path.replace(/\.ts$/, '.mjs');

async function bundle(programs: readonly string[], staged: string): Promise<void> {
  await esbuild({
    entryPoints: programs.map((path) => join(ROOT, path)),
    outbase: ROOT,
    outdir: staged,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['cap'],
    plugins: [whereItWas],
    banner: {
      js:
        "import { createRequire as nathopRequire } from 'node:module';" +
        'const require = nathopRequire(import.meta.url);',
    },
    logLevel: 'warning',
  });
}

/** Modules find files by their own place in the repository, which bundling would take from them. */
const whereItWas: Plugin = {
  name: 'where-it-was',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const place = JSON.stringify(`file:///nathop/${relative(ROOT, path)}`);
      const text = await readFile(path, 'utf8');
      return { loader: 'ts', contents: text.replaceAll('import.meta.url', place) };
    });
  },
};

async function writeProgram(staged: string, name: string, path: string): Promise<void> {
  const text = `#!/bin/sh\nexec node /nathop/${path} "$@"\n`;
  await writeFile(join(staged, 'bin', name), text, { mode: 0o755 });
}
