/** What `npm pack` gives, where there is no compiler and no `cap`. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { live } from './support/live.ts';
import { INSTALL_LIMIT_MS, Installed } from './support/package.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const { version } = JSON.parse(readFileSync(path('../package.json'), 'utf8')) as { version: string };

describe('the package', { timeout: 60_000 }, () => {
  let installed: Installed;
  beforeAll(async () => {
    installed = await Installed.make();
  }, INSTALL_LIMIT_MS);
  afterAll(() => installed.remove());

  it('holds what runs, its licences and a page about it, and is small', async () => {
    const { stdout } = await execa('tar', ['-tzf', installed.tarball]);
    const files = stdout.split('\n').map((file) => file.replace(/^package\//, ''));
    const besides = files.filter((file) => !/^dist\/(chunks\/)?[\w-]+\.js$|^probes\/\w+\.bt$/.test(file));
    expect(besides.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/LICENSES.txt',
      'package.json',
    ]);
    expect(files).toContain('dist/capture-child.js');
    expect(files).toContain('probes/traffic.bt');
    expect(statSync(installed.tarball).size).toBeLessThan(2_000_000);
  });

  it('brings no other package', async () => {
    const { stdout } = await execa('ls', [join(installed.project, 'node_modules')]);
    expect(stdout).toBe('nathop');
  });

  it('tells its version', async () => {
    const { stdout, exitCode } = await installed.nathop(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${version}\n`);
  });

  it('says in doctor by what heads are captured instead, or that they are not', async () => {
    const { stdout, exitCode } = await installed.nathop(['doctor', '-o', 'json']);
    const checks = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; found: string });
    const heads = checks.find(({ name }) => name === 'message heads');
    expect(heads?.found).toMatch(/tcpdump|CAP_NET_RAW/);
    expect([0, 3]).toContain(exitCode);
  });

  it('replays a recording to what was told live', async () => {
    const { stdout, exitCode } = await installed.nathop([
      ...['replay', '-o', 'json', path('recordings/requests-iptables.nathop')],
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(readFileSync(path('recordings/requests-iptables.jsonl'), 'utf8'));
  });

  live('needs root')('is provisioned by the script for nodes', () => {
    /** What is written below /usr/local is gone with the mount namespace. */
    const ASIDE =
      'mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work && ' +
      'mount -t overlay -o lowerdir=/usr/local,upperdir=/mnt/upper,workdir=/mnt/work overlay /usr/local && ';

    it('twice, with the same end', async () => {
      const script = path('../scripts/provision.sh');
      const { stdout, stderr } = await execa('unshare', [
        ...['--mount', '--propagation', 'private', 'sh', '-c'],
        `${ASIDE} "$1" "$2" && "$1" "$2" && /usr/local/bin/nathop --version && find /mnt/upper -maxdepth 2`,
        ...['sh', script, installed.tarball],
      ]);
      const [told, ...found] = stdout.split('\n');
      expect(told).toBe(version);
      expect(found.filter((name) => name.split('/').length === 5).sort()).toEqual([
        ...['/mnt/upper/bin/nathop', '/mnt/upper/lib/nathop'],
      ]);
      expect(stderr.match(/nathop .* is at/g)).toHaveLength(2);
    });
  });
});
