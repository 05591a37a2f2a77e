/**
 * A newer bpftrace than the machine's, in a root file system of its own: made once with mmdebstrap, entered
 * with chroot in a mount namespace of its own.
 */
import { access, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { execa } from 'execa';

const CACHE = resolve('.cache/bench');
const SOURCES = '/etc/apt/sources.list.d/debian.sources';

/**
 * @param suite Debian's, such as sid
 * @returns folder to put first on PATH, in which `bpftrace` is that suite's; undefined where none can be made
 */
export async function otherBpftrace(suite: string): Promise<string | undefined> {
  const root = `${CACHE}/${suite}`;
  const folder = `${CACHE}/${suite}-bin`;
  await mkdir(folder, { recursive: true });
  const there = await access(`${root}/usr/bin/bpftrace`).then(
    () => true,
    () => false,
  );
  if (!there && !(await make(suite, root))) return undefined;
  await writeFile(`${folder}/bpftrace`, wrapper(root));
  await chmod(`${folder}/bpftrace`, 0o755);
  return folder;
}

async function make(suite: string, root: string): Promise<boolean> {
  const own = await readFile(SOURCES, 'utf8').catch(() => '');
  const [main] = own.split(/\n\n+/);
  if (!main?.includes('Suites:')) return false;
  const list = `${CACHE}/${suite}.sources`;
  await writeFile(list, main.replace(/^Suites:.*$/m, `Suites: ${suite}`));
  const args = [
    '--variant=apt',
    '--mode=root',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--include=bpftrace',
    suite,
    root,
    list,
  ];
  const { failed } = await execa('mmdebstrap', args, {
    reject: false,
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  return !failed;
}

/** The mounts go with the mount namespace, and that with bpftrace; everything is exec'ed, so signals arrive. */
function wrapper(root: string): string {
  return `#!/bin/sh
exec unshare --mount --propagation private sh -c '
  mount --rbind /sys "$0/sys" && mount --rbind /proc "$0/proc" && exec chroot "$0" bpftrace "$@"
' '${root}' "$@"
`;
}
