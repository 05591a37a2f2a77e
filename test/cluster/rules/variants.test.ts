import { describe, expect, it } from 'vitest';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import { dump, isLocalOf, tuple } from './fixtures.ts';
import { generate } from './generate.ts';

/** The same rule set as kube-proxy writes it under other settings. */
const saved = dump('iptables', 'node-a', 'iptables-save-c.txt');
const listed = dump('nftables', 'node-a', 'nft-ruleset.json');
const isLocal = isLocalOf('iptables', 'node-a');

const original = tuple('tcp', '10.0.1.99:20568', '10.3.241.152:80');
const before = { ...original, dst: '10.0.2.11', dport: 8080 };

function masquerade(rules: NamespaceRules, inDevice = 'cbr0') {
  const after = { ...before, src: '10.100.0.2', sport: 4000 };
  return rules.rewriteRule(
    { kind: 'masquerade', hook: 'POSTROUTING', original, before, after, inDevice, outDevice: 'eth0' },
    isLocal,
  );
}

describe('kube-proxy with other settings', () => {
  it('masqueradeAll: every packet to a ClusterIP is marked', () => {
    const rules = NamespaceRules.none.with('iptables', saved.replaceAll('! -s 10.0.0.0/16 ', ''));
    expect(masquerade(rules)).toMatchObject({
      cause: 'masquerade-all',
      markedBy: { chain: 'KUBE-SVC-766P47PXG6WI24BK', service: 'default/service-test:http' },
    });
    const always = listed.replace(
      '{"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.0.0.0", "len": 16}}}}, ',
      '',
    );
    expect(always).not.toBe(listed);
    expect(masquerade(NamespaceRules.none.with('nft', always))).toMatchObject({
      cause: 'masquerade-all',
      markedBy: { chain: 'services' },
      rule: { service: 'default/service-test:http' },
    });
  });

  it.each([{ device: 'cbr0' }, { device: 'cbr+' }])('detectLocalMode by device $device', ({ device }) => {
    const rules = NamespaceRules.none.with(
      'iptables',
      saved.replaceAll('! -s 10.0.0.0/16', `! -i ${device}`),
    );
    expect(masquerade(rules, 'eth0').cause).toBe('masquerade-off-cluster');
    // What came from a Pod is not marked: no rule of kube-proxy's explains a masquerade of it.
    expect(masquerade(rules).markedBy).toBeUndefined();
  });

  it('whom kube-proxy takes for a Pod is read off its own rules', () => {
    const asked = (rules: NamespaceRules, src: string, inDevice?: string): boolean | undefined =>
      rules.isFromPod(
        {
          tuple: tuple('tcp', `${src}:1000`, '10.100.0.2:32213'),
          ...(inDevice !== undefined && { inDevice }),
        },
        isLocal,
      );
    for (const rules of [
      NamespaceRules.none.with('iptables', saved),
      NamespaceRules.none.with('nft', listed),
    ]) {
      expect(asked(rules, '10.0.2.9')).toBe(true);
      expect(asked(rules, '198.51.100.7')).toBe(false);
    }
    const byDevice = NamespaceRules.none.with('iptables', saved.replaceAll('! -s 10.0.0.0/16', '! -i cbr0'));
    expect(asked(byDevice, '198.51.100.7', 'cbr0')).toBe(true);
    expect(asked(byDevice, '10.0.2.9', 'eth0')).toBe(false);
    expect(asked(byDevice, '10.0.2.9')).toBeUndefined();
    const all = NamespaceRules.none.with('iptables', saved.replaceAll('! -s 10.0.0.0/16 ', ''));
    expect(asked(all, '10.0.2.9')).toBeUndefined();
  });

  it('another masquerade bit', () => {
    const rules = NamespaceRules.none.with(
      'iptables',
      saved.replaceAll('0x4000', '0x80000000').replaceAll('! -s 10.0.0.0/16 ', ''),
    );
    expect(masquerade(rules).cause).toBe('masquerade-all');
  });

  it('rules without comments at the endpoints: the Service is named further out', () => {
    const bare = saved.replace(/^(.*-A KUBE-(?:SEP|SVC|EXT)-.*?) -m comment --comment "[^"]*"/gm, '$1');
    const rules = NamespaceRules.none.with('iptables', bare);
    const rewrite = { kind: 'dnat', hook: 'PREROUTING', original, before: original, after: before } as const;
    const { rule } = rules.rewriteRule({ ...rewrite, inDevice: 'cbr0' }, isLocal);
    expect(rule).toMatchObject({ chain: 'KUBE-SEP-U2OCCT7DHMJMGFRA', service: 'default/service-test:http' });
    expect(rule?.comment).toBeUndefined();
  });

  it.each([
    { which: 'first', index: 0 },
    { which: 'middle', index: 700 },
    { which: 'last', index: 1499 },
  ])('a Service of 1,500 endpoints: $which', ({ index }) => {
    const { iptables, nft, services } = generate(1, 1500);
    const [service] = services;
    const [dst = '', dport] = (service?.endpoints[index] ?? '').split(':');
    const dialled = tuple('tcp', '198.51.100.7:1000', `10.100.0.2:${service?.nodePort}`);
    for (const rules of [
      NamespaceRules.none.with('iptables', iptables),
      NamespaceRules.none.with('nft', nft),
    ]) {
      const after = { ...dialled, dst, dport: Number(dport) };
      const rewrite = { original: dialled, inDevice: 'eth0', outDevice: 'eth0' };
      const dnat = rules.rewriteRule(
        { kind: 'dnat', hook: 'PREROUTING', ...rewrite, before: dialled, after },
        isLocal,
      );
      expect(dnat.rule?.service).toBe('ns-0/service-0:http');
      const masqueraded = rules.rewriteRule(
        {
          kind: 'masquerade',
          hook: 'POSTROUTING',
          ...rewrite,
          before: after,
          after: { ...after, src: '10.100.0.2' },
        },
        isLocal,
      );
      expect(masqueraded.cause).toBe('masquerade-external-traffic-policy');
    }
  });
});
