/** What is checked of each node: read off real namespaces that are set badly, and then well. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conntrackChecks } from '../../../src/sources/machine/conntrack.ts';
import { bridgePorts } from '../../../src/sources/machine/forwarding.ts';
import type { Check } from '../../../src/sources/machine/check.ts';
import { checkNodes } from '../../../src/sources/machine/nodes.ts';
import { parseSettings } from '../../../src/sources/machine/settings.ts';
import { live } from '../../support/live.ts';
import { TestNetwork } from '../../support/network.ts';

const QUIET = {
  entries: 1,
  insertFailed: 0,
  drop: 0,
  earlyDrop: 0,
  clashResolved: 0,
  searchRestart: 0,
  invalid: 0,
};

describe('conntrack', () => {
  const okOf = (counts: Partial<typeof QUIET>): readonly Check['ok'][] =>
    conntrackChecks('a', { ...QUIET, ...counts }, 100, new Map()).map(({ ok }) => ok);

  it('is well with room and without losses', () => {
    expect(okOf({})).toEqual([true, true, true]);
    expect(okOf({ entries: 89, invalid: 1_000, clashResolved: 5, searchRestart: 5 })).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is not when it is about to be full, was full, or lost a packet in a race', () => {
    expect(okOf({ entries: 90 })).toEqual(['warn', true, true]);
    expect(okOf({ drop: 1 })).toEqual(['warn', true, true]);
    expect(okOf({ earlyDrop: 1 })).toEqual(['warn', true, true]);
    expect(okOf({ insertFailed: 1 })).toEqual([true, 'warn', true]);
  });

  it('may be in no use at all', () => {
    expect(conntrackChecks('a', undefined, 100, new Map())).toEqual([
      { name: 'conntrack on a', ok: true, found: 'not in use' },
    ]);
  });
});

describe('settings', () => {
  it('are read of what grep prints, and of nothing else', () => {
    const text =
      '/proc/sys/net/ipv4/conf/eth0.7/rp_filter:1\n/proc/sys/net/ipv4/ip_forward:0\nBinary file: 3\n';
    expect([...parseSettings(text)]).toEqual([
      ['ipv4/conf/eth0.7/rp_filter', 1],
      ['ipv4/ip_forward', 0],
    ]);
  });

  it('of bridge ports are none where ip says nothing that is known', () => {
    expect(bridgePorts('', 'not JSON')).toEqual([]);
    expect(bridgePorts('[{"ifname":"veth1","linkinfo":{}}]', '[]')).toEqual([]);
  });
});

live('needs root for network namespaces')('a node', () => {
  let network: TestNetwork;
  beforeEach(() => (network = new TestNetwork()));
  afterEach(() => network.down());

  const set = (name: string, value: number): Promise<string> =>
    network.exec('node', 'sysctl', ['-qw', `net.${name}=${String(value)}`]);

  /** Those of the node that this test made, by what they are of. */
  async function look(): Promise<Map<string, Check>> {
    const of = ` on ${network.name('node')}`;
    const checks = (await checkNodes()).filter(({ name }) => name.endsWith(of));
    return new Map(checks.map((check) => [check.name.slice(0, -of.length), check]));
  }

  async function build(): Promise<void> {
    await network.add('node', 'pod', 'other', 'router');
    // What makes a node of it.
    await network.exec('node', 'nft', ['add', 'table', 'ip', 'kube-proxy']);
    await network.ip('node', 'link add cbr0 type bridge');
    await network.join(['node', 'eth0', '10.9.0.1/24'], ['router', 'eth0', '10.9.0.2/24']);
    await network.join(['node', 'eth1', '10.9.1.1/24'], ['other', 'eth0', '10.9.1.2/24']);
    await network.join(['node', 'veth1'], ['pod', 'eth0', '10.9.2.2/24']);
    await network.ip('node', 'link set veth1 master cbr0');
    await network.ip('node', 'link set cbr0 up');
    await network.ip('node', 'addr add 10.9.2.1/24 dev cbr0');
  }

  it('that is set badly is told so, with what it does to a request and how to mend it', async () => {
    await build();
    await set('ipv4.ip_forward', 0);
    await set('ipv4.conf.all.rp_filter', 1);
    await set('bridge.bridge-nf-call-iptables', 0);
    const checks = await look();
    const lacks = [...checks].filter(([, { ok }]) => ok !== true).map(([name]) => name);
    expect(lacks).toEqual(['forwarding', 'rp_filter', 'bridge-nf-call', 'hairpin']);
    for (const name of lacks) {
      expect(checks.get(name)?.means).toMatch(/drop|reset|no answer/);
      expect(checks.get(name)?.mend).toBeDefined();
    }
    expect(checks.get('forwarding')).toMatchObject({
      values: { ip_forward: 0 },
      mend: expect.stringContaining('net.ipv4.ip_forward=1') as string,
    });
    expect(checks.get('rp_filter')?.found).toMatch(/^strict on .*eth0/);
    expect(checks.get('bridge-nf-call')?.values).toMatchObject({ 'bridge-nf-call-iptables': 0 });
    expect(checks.get('hairpin')).toMatchObject({
      found: 'off on veth1 of 1 bridge ports',
      values: { off: 1 },
    });
  });

  it('that is set well is not, and neither is strict rp_filter where there is one way only', async () => {
    await build();
    await set('ipv4.ip_forward', 1);
    await set('ipv4.conf.all.rp_filter', 0);
    await set('bridge.bridge-nf-call-iptables', 1);
    await network.exec('node', 'bridge', ['link', 'set', 'dev', 'veth1', 'hairpin', 'on']);
    const well = await look();
    expect([...well.values()].filter(({ ok }) => ok !== true)).toEqual([]);
    expect(well.get('conntrack strictness')?.values).toMatchObject({ tcp_loose: 1 });
    await network.ip('node', 'link del eth1');
    await set('ipv4.conf.all.rp_filter', 1);
    expect((await look()).get('rp_filter')).toMatchObject({ ok: true, values: { all: 1 } });
  });

  it('reaches a pod through itself by a bridge that takes every frame', async () => {
    await build();
    await network.ip('node', 'link set cbr0 promisc on');
    expect((await look()).get('hairpin')).toMatchObject({ ok: true });
  });
});
