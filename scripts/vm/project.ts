/**
 * The project as guests see it, at /nathop: this machine's Node.js, the bundle, and programs of the repository
 * bundled so that they run without its development dependencies. A disk of its own, read only, made anew each time.
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build as esbuild, type Plugin } from 'esbuild';
import { run } from '../lab/run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Programs of the repository by the names they have in the guest. */
export type Programs = Readonly<Record<string, string>>;
const PROGRAMS: Programs = { lab: 'scripts/lab/main.ts', bench: 'scripts/bench/precise.ts' };
/** As they are; `cap` where it was compiled. */
const COPIED = [
  ...['package.json', 'dist', 'probes'],
  ...['scripts/lab/peer', 'test/fixtures/kube-proxy', 'node_modules/cap'],
];
/** Node.js, the bundle and all else, with room to spare; the file is sparse. */
const DISK_SIZE = '512M';

/** @param folder holds the disk, and what it is made of meanwhile */
export async function projectDisk(folder: string, more: Programs = {}): Promise<string> {
  const programs = { ...PROGRAMS, ...more };
  const staged = join(folder, 'project');
  const disk = join(folder, 'project.ext4');
  await mkdir(join(staged, 'bin'), { recursive: true });
  await cp(process.execPath, join(staged, 'bin', 'node'));
  for (const path of COPIED) await copy(path, staged);
  await bundle(Object.values(programs), staged);
  await writeProgram(staged, 'nathop', 'dist/nathop.js');
  for (const [name, path] of Object.entries(programs)) await writeProgram(staged, name, bundled(path));
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', staged, disk, DISK_SIZE]);
  await rm(staged, { recursive: true });
  return disk;
}

async function copy(path: string, staged: string): Promise<void> {
  await mkdir(dirname(join(staged, path)), { recursive: true });
  await cp(join(ROOT, path), join(staged, path), { recursive: true, dereference: true });
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
  const text = `#!/bin/sh\nexec /nathop/bin/node /nathop/${path} "$@"\n`;
  await writeFile(join(staged, 'bin', name), text, { mode: 0o755 });
}
