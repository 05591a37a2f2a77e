import { describe, expect, it } from 'vitest';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import { isLocalOf, nodeRules, type Mode } from './fixtures.ts';

const MODES: readonly Mode[] = ['iptables', 'nftables'];

describe.each(MODES)('Services in the rules of %s mode', (mode) => {
  const rules = nodeRules(mode, 'node-a');
  const isLocal = isLocalOf(mode, 'node-a');

  it.each([
    { ip: '10.3.241.152', port: 80, name: 'default/service-test', kind: 'cluster-ip' },
    { ip: '10.3.241.154', port: 80, name: 'default/service-test-itp-local', kind: 'cluster-ip' },
    { ip: '10.3.243.1', port: 80, name: 'default/no-pods', kind: 'cluster-ip' },
    { ip: '203.0.113.10', port: 80, name: 'default/ingress-nginx', kind: 'external' },
    { ip: '203.0.113.11', port: 80, name: 'default/ingress-nginx-local', kind: 'external' },
    { ip: '203.0.113.12', port: 80, name: 'default/service-test-ranges', kind: 'external' },
    { ip: '192.0.2.80', port: 80, name: 'default/service-test-extip', kind: 'external' },
    { ip: 'fd00:10:3::157', port: 80, name: 'default/service-test-dual', kind: 'cluster-ip' },
    { ip: '10.100.0.2', port: 32213, name: 'default/service-test', kind: 'node-port' },
    { ip: '10.100.0.2', port: 32001, name: 'default/no-pods', kind: 'node-port' },
    { ip: '10.100.0.2', port: 30082, name: 'default/ingress-nginx-local', kind: 'node-port' },
    { ip: 'fd00:100::2', port: 32006, name: 'default/service-test-dual', kind: 'node-port' },
  ])('$ip:$port is $name', ({ ip, port, name, kind }) => {
    expect(rules.serviceAt(ip, port, 'tcp', isLocal)).toEqual({ name, portName: 'http', kind });
  });

  it('tells ports by protocol', () => {
    const named = (protocol: 'tcp' | 'udp' | 'sctp') =>
      rules.serviceAt('10.3.240.10', 53, protocol, isLocal)?.portName;
    expect([named('udp'), named('tcp'), named('sctp')]).toEqual(['dns', 'dns-tcp', undefined]);
  });

  it.each([
    { ip: '10.3.241.152', port: 81 },
    { ip: '10.3.254.254', port: 80 },
    { ip: '10.100.0.2', port: 80 },
    // Another node's port, and a health check port, which no Service answers on.
    { ip: '10.100.0.3', port: 32213 },
    { ip: '10.100.0.2', port: 31082 },
    { ip: 'fd00:100::2', port: 32213 },
  ])('$ip:$port is none', ({ ip, port }) => {
    expect(rules.serviceAt(ip, port, 'tcp', isLocal)).toBeUndefined();
  });

  it('lists the node ports, those without endpoints too', () => {
    expect(rules.nodePorts()).toEqual([
      { service: 'kube-system/dns-external:dns', port: 30053, protocol: 'udp' },
      { service: 'default/ingress-nginx:http', port: 30080, protocol: 'tcp' },
      { service: 'default/ingress-nginx-proxyproto:http', port: 30081, protocol: 'tcp' },
      { service: 'default/ingress-nginx-local:http', port: 30082, protocol: 'tcp' },
      { service: 'default/no-pods:http', port: 32001, protocol: 'tcp' },
      { service: 'default/service-test-sticky:http', port: 32002, protocol: 'tcp' },
      { service: 'default/service-test-local:http', port: 32003, protocol: 'tcp' },
      { service: 'default/service-test-dual:http', port: 32006, protocol: 'tcp' },
      { service: 'default/service-test-ranges:http', port: 32007, protocol: 'tcp' },
      { service: 'default/service-test:http', port: 32213, protocol: 'tcp' },
    ]);
  });
});

describe('a namespace without rules', () => {
  it('knows no Service', () => {
    expect(NamespaceRules.none.nodePorts()).toEqual([]);
    expect(NamespaceRules.none.serviceAt('10.3.241.152', 80, 'tcp', () => false)).toBeUndefined();
  });

  it('forgets those of a rule set that was replaced', () => {
    const rules = nodeRules('iptables', 'node-a');
    expect(rules.with('iptables', '').serviceAt('10.3.241.152', 80, 'tcp', () => false)).toBeUndefined();
    expect(rules.serviceAt('10.3.241.152', 80, 'tcp', () => false)?.name).toBe('default/service-test');
  });
});
