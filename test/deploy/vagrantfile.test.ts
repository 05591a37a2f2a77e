/** The Vagrantfile as Vagrant reads it; what it would bring up needs a hypervisor, and is not tried here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { judgedBy } from '../support/live.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

judgedBy('vagrant')('the Vagrantfile', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nathop-vagrant-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is valid, and has a client and two nodes', async () => {
    const { stdout } = await execa('vagrant', ['validate', '--ignore-provider'], {
      cwd: ROOT,
      env: { VAGRANT_HOME: join(folder, 'home'), VAGRANT_DOTFILE_PATH: join(folder, 'machines') },
    });
    const machines = [...stdout.matchAll(/^==> ([\w-]+):/gm)].map(([, name]) => name);
    expect(machines).toEqual(['node-a', 'node-b', 'client']);
    expect(stdout).toContain('validated successfully');
  }, 60_000);
});
