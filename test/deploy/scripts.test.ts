/** The shell scripts that run on nodes. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { judgedBy, live } from '../support/live.ts';
import { TestNetwork, until } from '../support/network.ts';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));
const found = readdirSync(SCRIPTS, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.sh'),
);

judgedBy('shellcheck')('the shell scripts', () => {
  it.each(found)('%s has nothing that shellcheck warns of', async (name) => {
    const { stdout } = await execa('shellcheck', [join(SCRIPTS, name)], { reject: false });
    expect(stdout).toBe('');
  });
});

live('needs root for network namespaces')('announce.sh', () => {
  const network = new TestNetwork();
  beforeAll(async () => {
    await network.add('client', 'switch', 'node-a', 'node-b');
    await network.ip('switch', 'link add br0 type bridge');
    await network.ip('switch', 'link set br0 up');
    for (const [index, short] of ['client', 'node-a', 'node-b'].entries()) {
      await network.join([short, 'eth0', `10.100.0.${String(index + 1)}/24`], ['switch', `p-${short}`]);
      await network.ip('switch', `link set p-${short} master br0`);
    }
    await network.ip('client', 'route add 203.0.113.0/24 dev eth0');
    await network.exec('node-a', join(SCRIPTS, 'deploy/announce.sh'), ['203.0.113.10', 'eth0']);
  });
  afterAll(() => network.down());

  const macOf = async (short: string): Promise<string | undefined> =>
    /link\/ether (\S+)/.exec(await network.exec(short, 'ip', ['link', 'show', 'eth0']))?.[1];
  /** Who answers for it, once that is known. */
  const announcer = async (ip: string): Promise<string> => {
    await network.exec('client', 'bash', ['-c', `echo >/dev/udp/${ip}/9`]);
    return until(async () => {
      const neighbour = await network.exec('client', 'ip', ['neigh', 'show', ip]);
      return /lladdr (\S+)/.exec(neighbour)?.[1] ?? (neighbour.includes('FAILED') ? 'nobody' : undefined);
    });
  };

  it('makes its node answer for the address, and for no other', async () => {
    expect(await announcer('203.0.113.10')).toBe(await macOf('node-a'));
    expect(await announcer('203.0.113.11')).toBe('nobody');
  });

  it('gives the node no address', async () => {
    expect(await network.exec('node-a', 'ip', ['-o', 'address', 'show', 'to', '203.0.113.10'])).toBe('');
  });
});
