/** What `npm pack` gives, where there is no compiler and no `cap`. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
});
