import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Survey } from '../../../src/cluster/netns/survey.ts';
import { live } from '../../support/live.ts';
import { TestNetwork, until } from '../../support/network.ts';

vi.setConfig({ testTimeout: 30_000 });

live('needs root')('a survey of this machine', () => {
  let network: TestNetwork;
  let folder: string;
  const groups: string[] = [];

  beforeEach(async () => {
    network = new TestNetwork();
    folder = await mkdtemp(join(tmpdir(), 'nathop-'));
  });

  afterEach(async () => {
    await network.down();
    await rm(folder, { recursive: true });
    for (const group of groups.splice(0).reverse()) await rmdir(group);
  });

  /** A node as kind makes one: a host name and directories of its own, a kubelet that was told its name. */
  async function startNode(name: string, pods: readonly string[], agentArgs: string): Promise<void> {
    await writeFile(join(folder, 'kubelet'), '#!/bin/sh\nwhile :; do sleep 0.2; done\n', {
      mode: 0o755,
    });
    const own = `mount -t tmpfs tmpfs /var/log && hostname ${name}-host && mkdir -p ${pods.map((pod) => `/var/log/pods/${pod}`).join(' ')}`;
    network.spawn(name, 'unshare', [
      '--mount',
      '--uts',
      'sh',
      '-c',
      `${own} && exec ${folder}/kubelet ${agentArgs}`,
    ]);
  }

  /** A process of a container, in the control group that kubelet would have put it in. */
  async function startContainer(name: string, uid: string, container: string): Promise<void> {
    const mounts = await readFile('/proc/mounts', 'utf8');
    const root = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1] ?? '';
    const group = join(root, `kubepods-${network.name('x')}`, `pod${uid}`, container);
    for (const path of [dirname(dirname(group)), dirname(group), group]) {
      await mkdir(path);
      groups.push(path);
    }
    const pid = network.spawn(name, 'unshare', [
      '--uts',
      'sh',
      '-c',
      'hostname web-0 && exec sleep infinity',
    ]);
    await writeFile(join(group, 'cgroup.procs'), String(pid));
  }

  it('names a node as its kubelet was told, and its Pods as the node has them', async () => {
    const uid = '2b8a6c1e-0f3d-4f5a-9c7b-1d2e3f4a5b6c';
    const container = 'ab'.repeat(32);
    await network.add('node', 'pod');
    await network.join(['pod', 'eth0', '10.0.1.2/24'], ['node', 'veth1']);
    await startNode('node', [`default_web-0_${uid}`, 'not-a-pod'], '--hostname-override=worker-7');
    await startContainer('pod', uid, container);
    const survey = new Survey();
    const told = await until(async () => {
      const { changed } = await survey.look();
      return changed.find(({ netns, pod }) => netns === network.inum('pod') && pod !== undefined);
    });
    expect(told).toMatchObject({
      name: 'default/web-0',
      role: 'pod',
      node: 'worker-7',
      pod: 'default/web-0',
      containers: [container],
    });
  });

  it('names a node by its own host name where nobody was told another', async () => {
    await network.add('node');
    await startNode('node', ['x'], '');
    const told = await until(async () => {
      const { changed } = await new Survey().look();
      return changed.find(({ netns, role }) => netns === network.inum('node') && role === 'node');
    });
    expect(told.name).toBe('node-host');
  });

  it('tells nothing twice', async () => {
    await network.add('a');
    const survey = new Survey();
    const mine = async () => {
      const { changed } = await survey.look();
      return changed.filter(({ netns }) => netns === network.inum('a')).length;
    };
    expect([await mine(), await mine(), await mine()]).toEqual([1, 0, 0]);
  });

  it('tells a namespace whose number another has taken', async () => {
    await network.add('a');
    const survey = new Survey();
    await survey.look();
    const inum = network.inum('a');
    await network.remove('a');
    await network.add('b');
    const { gone, changed } = await survey.look();
    // The kernel gives the lowest free number, so as a rule it is the same one.
    if (network.inum('b') === inum) expect(gone).toContain(inum);
    expect(changed.map(({ netns }) => netns)).toContain(network.inum('b'));
  });

  it('is not put off by a namespace that goes while it is read', async () => {
    for (let round = 0; round < 5; round++) {
      await network.add('brief');
      const looking = new Survey().look();
      await network.remove('brief');
      await looking;
    }
  });
});
