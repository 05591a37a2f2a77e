import { describe, expect, it } from 'vitest';
import { ipvsPrograms, SERVED } from '../../scripts/lab/ipvs.ts';
import { NODE_A, NODE_B, type ClusterNode } from '../../scripts/lab/topology.ts';
import { NamespaceRules } from '../../src/cluster/rules/namespace-rules.ts';
import { place, tuple } from '../cluster/rules/fixtures.ts';

const inputOf = (node: ClusterNode, tool: string): string =>
  ipvsPrograms(node).find(({ command: [first] }) => first === tool)?.input ?? '';

const rulesOf = (node: ClusterNode): NamespaceRules =>
  NamespaceRules.none
    .with('ipset', inputOf(node, 'ipset'))
    .with('iptables', inputOf(node, 'iptables-restore'))
    .with('ipvs', inputOf(node, 'ipvsadm'));

const isLocalOn = (node: ClusterNode) => (ip: string) =>
  ip === node.ip || inputOf(node, 'ip').includes(`address add ${ip}/32 dev kube-ipvs0`);

describe.each([NODE_A, NODE_B])('IPVS mode on $name', (node) => {
  const rules = rulesOf(node);
  const isLocal = isLocalOn(node);

  it.each(SERVED.filter(({ endpoints }) => endpoints.length > 0))(
    '$service.name: its virtual server is the one that translates',
    ({ service, endpoints, internal }) => {
      const original = tuple(service.protocol, '10.0.1.99:40000', `${service.ip}:${service.port}`);
      const here = endpoints.filter((one) => internal === undefined || one.startsWith(`10.0.${node.index}.`));
      for (const endpoint of here) {
        const [dst, dport] = place(endpoint);
        const { rule } = rules.rewriteRule(
          {
            kind: 'dnat',
            hook: 'INPUT',
            original,
            before: original,
            after: { ...original, dst, dport },
            inDevice: 'cbr0',
          },
          isLocal,
        );
        expect(rule?.text).toContain(`-r ${endpoint} -m -w 1`);
      }
    },
  );

  it.each(SERVED.filter(({ endpoints }) => endpoints.length === 0))(
    '$service.name is refused',
    ({ service }) => {
      const packet = tuple(service.protocol, '10.0.1.99:40000', `${service.ip}:${service.port}`);
      const refusal = { kind: 'reject', original: packet, current: packet, inDevice: 'cbr0' } as const;
      expect(rules.refusalRule(refusal, isLocal)).toMatchObject({
        because: 'no-endpoints',
        rule: { table: 'ipvs' },
      });
    },
  );

  it('asks no set that is not there', () => {
    const asked = [...inputOf(node, 'iptables-restore').matchAll(/--match-set (\S+)/g)].map(
      ([, name]) => name,
    );
    const made = [...inputOf(node, 'ipset').matchAll(/^create (\S+)/gm)].map(([, name]) => name);
    expect([...new Set(asked)].sort()).toEqual(made.sort());
  });
});

it('keeps a Local Service to the endpoints of the node, where it is dialled from outside', () => {
  expect(inputOf(NODE_A, 'ipvsadm')).toContain('-A -t 203.0.113.11:80 -s rr\n-A -t 10.100.0.2:30082 -s rr\n');
  expect(inputOf(NODE_B, 'ipvsadm')).toContain('-a -t 203.0.113.11:80 -r 10.0.2.20:80 -m -w 1\n');
});
