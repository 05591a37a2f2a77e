import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataPathCheck } from '../../../src/sources/machine/data-path.ts';
import { checkNodes } from '../../../src/sources/machine/nodes.ts';
import type { Check } from '../../../src/sources/machine/check.ts';
import { live } from '../../support/live.ts';
import { TestNetwork } from '../../support/network.ts';

const check = (kubeProxy: 'none' | 'iptables', ...names: string[]): Check[] =>
  dataPathCheck({ node: 'a', links: names.map((name) => ({ name })), kubeProxy });

describe('the data path', () => {
  it.each([
    ['Cilium', ['cilium_net', 'cilium_host', 'cilium_vxlan', 'lxc_health', 'lxc0b1c2d3e4f5a']],
    ['Calico', ['bpfin.cali', 'bpfout.cali', 'cali0b1c2d3e4f5']],
    ['Calico', ['bpfnatin', 'bpfnatout', 'cali0b1c2d3e4f5']],
  ])('of %s by eBPF is said to be outside of netfilter, with what is still seen', (who, devices) => {
    const [alone] = check('none', 'lo', 'eth0', ...devices);
    expect(alone).toMatchObject({
      ok: 'warn',
      name: 'data path on a',
      found: expect.stringMatching(new RegExp(`^${who}, by eBPF; 1 pod on .*; Services too$`)) as string,
      values: { ebpf: true, services: 'ebpf' },
    });
    expect(alone?.means).toMatch(
      /^Outside of netfilter\. Not seen: the rewrites of Services.* Still seen: packets/,
    );
    const [beside] = check('iptables', ...devices);
    expect(beside?.found).toContain('Services by kube-proxy (iptables)');
    expect(beside?.means).not.toContain('rewrites of Services');
  });

  it('of Calico by rules is seen, and without any of them nothing is said', () => {
    expect(check('iptables', 'eth0', 'cali0b1c2d3e4f5', 'vxlan.calico')).toMatchObject([{ ok: true }]);
    expect(check('iptables', 'eth0', 'cbr0', 'veth1', 'calico-notes')).toEqual([]);
  });
});

live('needs root for network namespaces')('nodes of eBPF data paths', () => {
  const network = new TestNetwork();
  beforeAll(async () => {
    await network.add('cilium', 'calico');
    await network.join(['cilium', 'cilium_net'], ['cilium', 'cilium_host', '10.0.0.1/32']);
    await network.join(['cilium', 'lxc_health'], ['cilium', 'lxc0b1c2d3e4f5']);
    await network.join(['calico', 'bpfin.cali'], ['calico', 'bpfout.cali']);
  }, 30_000);
  afterAll(() => network.down());

  it('are recognised by their devices, without a rule of kube-proxy', { timeout: 60_000 }, async () => {
    const checks = await checkNodes();
    for (const [node, who] of [
      ['cilium', /^Cilium, by eBPF; 1 pod on lxc devices; Services too$/],
      ['calico', /^Calico, by eBPF; 0 pods on cali devices; Services too$/],
    ] as const) {
      const told = checks.find(({ name }) => name === `data path on ${network.name(node)}`);
      expect(told?.found).toMatch(who);
      expect(told?.ok).toBe('warn');
    }
  });
});
