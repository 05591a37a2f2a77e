import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../src/trace/request.ts';
import type { Rewrite } from '../../../src/trace/knowledge.ts';
import { isLocalOf, nodeRules, place, tuple, type Mode, type Node } from './fixtures.ts';
import { chainHash } from './generate.ts';
import { REFUSED, REWRITTEN, type Rewritten } from './scenarios.ts';

const MODES: readonly Mode[] = ['iptables', 'nftables'];

describe.each(MODES)('kube-proxy in %s mode', (mode) => {
  const rules = { 'node-a': nodeRules(mode, 'node-a'), 'node-b': nodeRules(mode, 'node-b') };
  const isLocal = { 'node-a': isLocalOf(mode, 'node-a'), 'node-b': isLocalOf(mode, 'node-b') };
  const explain = (node: Node, rewrite: Rewrite) => rules[node].rewriteRule(rewrite, isLocal[node]);

  const rewritten = REWRITTEN.filter(({ only }) => only === undefined || only === mode);

  it.each(rewritten.filter(({ dnat }) => dnat !== undefined))('$id: names the DNAT', (row) => {
    const { rule, cause } = explain(row.node, destinationRewrite(row));
    expect(rule?.service).toBe(row.service);
    expect(cause).toBeUndefined();
    if (mode === 'iptables') expectIptablesPath(rule, row);
    else expectNftablesPath(rule, row);
  });

  it.each(rewritten.filter(({ snat }) => snat !== undefined))('$id: says why it was masqueraded', (row) => {
    const { rule, cause, markedBy } = explain(row.node, sourceRewrite(row));
    expect(cause).toBe(row.cause);
    if (row.cause === 'masquerade-cni-outgoing') {
      expect(rule).toMatchObject({ family: 'ip', table: 'nat', chain: 'POSTROUTING', via: [] });
      expect(markedBy).toBeUndefined();
      return;
    }
    expect(rule).toMatchObject(
      mode === 'iptables'
        ? { table: 'nat', chain: 'KUBE-POSTROUTING', via: ['POSTROUTING'], service: row.service }
        : { table: 'kube-proxy', chain: 'masquerading', via: ['nat-postrouting'], service: row.service },
    );
    // In nftables mode a set of endpoints, not a mark, chooses what goes back to where it came from.
    if (mode === 'nftables' && row.cause === 'masquerade-hairpin') {
      expect(rule?.text).toContain('@hairpin-connections');
      expect(markedBy).toBeUndefined();
      return;
    }
    expect(markedBy?.service).toBe(row.service);
    expect(markedBy?.chain).toMatch(markingChain(mode, row));
  });

  it.each(REFUSED)('$id: names what refused it', (row) => {
    const packet = tuple('tcp', row.from, row.to);
    const by = row[mode];
    const device = row.in === undefined ? {} : { inDevice: row.in };
    const tuples = { original: packet, current: packet, ...device };
    if (!by) {
      expect(rules['node-a'].refusalRule({ kind: 'reject', ...tuples }, isLocal['node-a'])).toEqual({});
      return;
    }
    const expected = { because: by.because, rule: { chain: by.chain } };
    const { kind, hook } = by;
    const known = rules['node-a'].refusalRule({ kind, hook, ...tuples }, isLocal['node-a']);
    expect(known).toMatchObject(expected);
    expect(known.rule?.service).toBe(by.service);
    // Kernels that do not say in which hook it was: the same answer.
    expect(rules['node-a'].refusalRule({ kind, ...tuples }, isLocal['node-a'])).toEqual(known);
  });

  it('still says why, where the endpoint is gone from the rules', () => {
    const row = REWRITTEN.find(({ id }) => id === 'nodeport-a-remote');
    if (!row) throw new Error('no such row');
    const gone = { ...row, dnat: '10.0.2.250:8080' };
    expect(explain('node-a', destinationRewrite(gone))).toEqual({});
    expect(explain('node-a', sourceRewrite(gone))).toMatchObject({
      cause: row.cause,
      rule: { service: row.service },
    });
  });
});

function destinationRewrite(row: Rewritten): Rewrite {
  const before = tuple(row.protocol ?? 'tcp', row.from, row.to);
  const [dst, dport] = place(row.dnat ?? row.to);
  return {
    kind: 'dnat',
    hook: row.in === undefined ? 'OUTPUT' : 'PREROUTING',
    original: before,
    before,
    after: { ...before, dst, dport },
    outDevice: row.out,
    ...(row.in === undefined ? {} : { inDevice: row.in }),
  };
}

function sourceRewrite(row: Rewritten): Rewrite {
  const { original, after: before, ...rest } = destinationRewrite(row);
  const [src, sport] = place(row.snat ?? row.from);
  return {
    ...rest,
    kind: 'masquerade',
    hook: 'POSTROUTING',
    original,
    before,
    after: { ...before, src, sport },
  };
}

/** The names of kube-proxy's chains are hashes of the Service port and endpoint: an independent check. */
function expectIptablesPath(rule: Rule | undefined, row: Rewritten): void {
  const protocol = row.protocol ?? 'tcp';
  const service = row.service ?? '';
  const hash = chainHash(service, protocol);
  const [ip, port] = place(row.dnat ?? '');
  const endpoint = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  expect(rule?.chain).toBe(`KUBE-SEP-${chainHash(service, protocol, endpoint)}`);
  expect(rule?.via[0]).toBe(row.in === undefined ? 'OUTPUT' : 'PREROUTING');
  expect(rule?.via[1]).toBe('KUBE-SERVICES');
  expect(rule?.via.at(-1)).toBe(`KUBE-${row.policy === 'local' ? 'SVL' : 'SVC'}-${hash}`);
  const [, dport] = place(row.to);
  expect(rule?.via.includes('KUBE-NODEPORTS')).toBe(dport >= 30000);
  const outside = dport >= 30000 || /^(?:203\.0\.113|192\.0\.2)\./.test(row.to);
  expect(rule?.via.includes(`KUBE-EXT-${hash}`)).toBe(outside);
  expect(rule?.text).toContain(`-j DNAT --to-destination ${endpoint}`);
}

function expectNftablesPath(rule: Rule | undefined, row: Rewritten): void {
  const [name = '', port = ''] = (row.service ?? '').split(':');
  const chain = `${name}/${row.protocol ?? 'tcp'}/${port}`;
  expect(rule?.table).toBe('kube-proxy');
  expect(rule?.via.slice(0, 2)).toEqual([row.in === undefined ? 'nat-output' : 'nat-prerouting', 'services']);
  if (name.endsWith('sticky')) {
    const [ip, dport] = place(row.dnat ?? '');
    expect(rule?.chain).toMatch(new RegExp(`^endpoint-\\w{8}-${chain}__${ip}/${dport}$`));
    expect(rule?.via.at(-1)).toMatch(new RegExp(`^service-\\w{8}-${chain}$`));
  } else {
    expect(rule?.chain).toMatch(
      new RegExp(`^${row.policy === 'local' ? 'local' : 'service'}-\\w{8}-${chain}$`),
    );
  }
}

function markingChain(mode: Mode, row: Rewritten): RegExp {
  if (row.cause === 'masquerade-hairpin') return /^KUBE-SEP-/;
  const local = row.service?.endsWith('-local:http') ?? false;
  if (row.cause === 'masquerade-off-cluster' && !local)
    return mode === 'iptables' ? /^KUBE-SVC-/ : /^services$/;
  return mode === 'iptables' ? /^KUBE-EXT-/ : /^external-/;
}
