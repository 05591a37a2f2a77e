/**
 * Rule sets of the field's projects: each rule of each is read, none is lost, and what they rewrite, drop or mark is
 * named in a hop with its chain.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpSets } from '../../../src/cluster/rules/ipset.ts';
import { parseIptables } from '../../../src/cluster/rules/iptables.ts';
import type { ParsedRule, RuleSet } from '../../../src/cluster/rules/model.ts';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import type { Refusal, Rewrite } from '../../../src/trace/knowledge.ts';
import { place, tuple } from './fixtures.ts';

const FOLDER = new URL('../../fixtures/rules/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
const SAVED = readdirSync(FOLDER).filter((name) => name.endsWith('.iptables-save'));

const rulesOf = (set: RuleSet): ParsedRule[] =>
  set.tables.flatMap(({ chains }) => [...chains.values()].flatMap(({ rules }) => rules));

/** With the sets that the rules ask, where there are any. */
function rules(name: string, sets?: string): NamespaceRules {
  const read = NamespaceRules.none.with('iptables', fixture(`${name}.iptables-save`));
  return sets === undefined ? read : read.with('ipset', fixture(`${sets}.ipset-save`));
}

const isLocal = (ip: string): boolean => ip === '10.0.0.1' || ip === '169.254.20.10';

interface Passing {
  readonly udp?: true;
  /** Absent: sent from here. */
  readonly in?: string;
  readonly out?: string;
  readonly from: string;
  readonly to: string;
}

function dnat(passing: Passing, to: string, kind: 'dnat' | 'redirect' = 'dnat'): Rewrite {
  const before = tuple(passing.udp ? 'udp' : 'tcp', passing.from, passing.to);
  const [dst, dport] = place(to);
  return {
    kind,
    hook: passing.in === undefined ? 'OUTPUT' : 'PREROUTING',
    original: before,
    before,
    after: { ...before, dst, dport },
    ...devices(passing),
  };
}

function snat(passing: Passing, kind: 'snat' | 'masquerade', to: string, translated = passing.to): Rewrite {
  const original = tuple(passing.udp ? 'udp' : 'tcp', passing.from, passing.to);
  const [dst, dport] = place(translated);
  const [src, sport] = place(to);
  const before = { ...original, dst, dport };
  return {
    kind,
    hook: 'POSTROUTING',
    original,
    before,
    after: { ...before, src, sport },
    ...devices(passing),
  };
}

const devices = ({ in: inDevice, out }: Passing) => ({
  ...(inDevice !== undefined && { inDevice }),
  ...(out !== undefined && { outDevice: out }),
});

const refused = (kind: Refusal['kind'], hook: NonNullable<Refusal['hook']>, passing: Passing): Refusal => {
  const packet = tuple(passing.udp ? 'udp' : 'tcp', passing.from, passing.to);
  return { kind, hook, original: packet, current: packet, ...devices(passing) };
};

describe.each(SAVED)('%s', (name) => {
  const text = fixture(name);
  const lines = text.split('\n').filter((line) => line.startsWith('-A '));

  it('loses no rule, and changes none', () => {
    const read = rulesOf(parseIptables(text, 'ip')).map((rule) => rule.text);
    expect([...read].sort()).toEqual([...lines].sort());
  });

  it('leaves no chain out', () => {
    const declared = text.split('\n').flatMap((line) => /^:(\S+)/.exec(line)?.[1] ?? []);
    const read = parseIptables(text, 'ip').tables.flatMap(({ chains }) => [...chains.keys()]);
    expect(read.sort()).toEqual(declared.sort());
  });

  it('keeps each match that it does not understand, with its words', () => {
    for (const { text: line, steps } of rulesOf(parseIptables(text, 'ip'))) {
      for (const step of steps) {
        if (step.kind !== 'match' || step.match.kind !== 'unknown') continue;
        const [, option = ''] = / (--\S+.*)$/.exec(` ${step.match.text}`) ?? [];
        expect(line.replaceAll('"', '')).toContain(option.split(' -m ')[0]);
      }
    }
  });

  it('is read whatever becomes of its lines', () => {
    const whole = text.split('\n');
    const cutAt = fc.tuple(
      fc.nat(whole.length - 1),
      fc.nat(120),
      fc.nat(20),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(cutAt, { maxLength: 10 }), (changes) => {
        const mutated = [...whole];
        for (const [line, at, drop, put] of changes) {
          const was = mutated[line] ?? '';
          mutated[line] = was.slice(0, at) + put + was.slice(at + drop);
        }
        const set = parseIptables(mutated.join('\n'), 'ip', new IpSets(mutated.join('\n')));
        // Rules are read when they are asked for.
        for (const rule of rulesOf(set)) expect(rule.steps).toBeInstanceOf(Array);
      }),
      { numRuns: 60 },
    );
  });
});

describe('what the projects of the field do is named', () => {
  it("NodeLocal DNS cache: conntrack is told nothing, so there is no rewrite to name, and the node's policy is told", () => {
    const dns = rules('node-local-dns');
    const asked = { in: 'cbr0', from: '10.0.1.99:40000', to: '169.254.20.10:53', udp: true } as const;
    expect(dns.refusalRule(refused('drop', 'INPUT', asked), isLocal)).toEqual({});
    expect(
      dns.refusalRule(refused('drop', 'INPUT', { ...asked, to: '169.254.20.10:9353' }), isLocal),
    ).toMatchObject({
      rule: { table: 'filter', chain: 'INPUT', text: '-P INPUT DROP' },
    });
  });

  it('kubelet: packets for 127.0.0.0/8 from elsewhere', () => {
    const packet = { in: 'eth0', from: '192.0.2.1:1000', to: '127.0.0.1:10250' };
    expect(rules('kubelet').refusalRule(refused('drop', 'INPUT', packet), isLocal)).toMatchObject({
      because: 'other',
      rule: { chain: 'KUBE-FIREWALL', via: ['INPUT'], comment: 'block incoming localnet connections' },
    });
  });

  it('Weave: masquerade of what leaves its network, not of what goes to a pod of this node', () => {
    const weave = rules('weave', 'weave');
    const out = { in: 'weave', out: 'eth0', from: '10.32.0.5:1000', to: '192.0.2.1:80' };
    expect(weave.rewriteRule(snat(out, 'masquerade', '10.0.0.1:1000'), isLocal)).toMatchObject({
      cause: 'masquerade-cni-outgoing',
      rule: {
        chain: 'WEAVE',
        via: ['POSTROUTING'],
        text: expect.stringContaining('-s 10.32.0.0/12 !') as string,
      },
    });
    const inside = { in: 'eth0', out: 'weave', from: '192.0.2.1:1000', to: '10.32.0.7:80' };
    expect(weave.rewriteRule(snat(inside, 'masquerade', '10.32.0.1:1000'), isLocal)).toMatchObject({
      cause: 'masquerade-off-cluster',
    });
    const local = { ...inside, to: '10.32.0.9:80' };
    expect(weave.rewriteRule(snat(local, 'masquerade', '10.32.0.1:1000'), isLocal)).toEqual({});
    // Its sets are named by a hash of printable characters, of which some would be words of iptables.
    expect(weave.refusalRule(refused('drop', 'FORWARD', inside), isLocal)).toEqual({});
    expect(
      weave.refusalRule(refused('drop', 'FORWARD', { ...inside, to: '10.32.0.8:80' }), isLocal),
    ).toMatchObject({
      rule: { chain: 'FORWARD', text: '-A FORWARD -o weave -j DROP' },
    });
  });

  it('kube-router: masquerade by sets with a time-out that is none, and the pod that a policy guards', () => {
    const router = rules('kube-router', 'kube-router');
    const out = { in: 'kube-bridge', out: 'eth0', from: '10.244.1.7:1000', to: '192.0.2.1:80' };
    expect(router.rewriteRule(snat(out, 'masquerade', '10.0.0.1:1000'), isLocal)).toMatchObject({
      cause: 'masquerade-cni-outgoing',
      rule: { chain: 'POSTROUTING' },
    });
    const barred = { in: 'eth0', out: 'kube-bridge', from: '192.0.2.1:1000', to: '10.244.1.7:80' };
    expect(router.refusalRule(refused('reject', 'FORWARD', barred), isLocal)).toMatchObject({
      rule: { chain: 'KUBE-POD-FW-2LXTMI6TFNJ7UCPM', via: ['FORWARD', 'KUBE-ROUTER-FORWARD'] },
    });
  });

  it('firewalld: a forward port by a mark that mangle sets, the zone that refuses', () => {
    const firewall = rules('firewalld');
    const ssh = { in: 'eth0', from: '192.0.2.1:1000', to: '10.0.0.1:2222' };
    expect(firewall.rewriteRule(dnat(ssh, '192.168.7.5:22'), isLocal).rule).toMatchObject({
      chain: 'PRE_external_allow',
      via: ['PREROUTING', 'PREROUTING_ZONES', 'PRE_external'],
    });
    expect(
      firewall.refusalRule(refused('reject', 'INPUT', { ...ssh, to: '10.0.0.1:80' }), isLocal),
    ).toMatchObject({
      rule: { chain: 'INPUT', text: '-A INPUT -j REJECT --reject-with icmp-host-prohibited' },
    });
    expect(firewall.refusalRule(refused('reject', 'INPUT', { ...ssh, to: '10.0.0.1:22' }), isLocal)).toEqual(
      {},
    );
  });

  it("Docker 28: a published port, and what reaches a container's own address from outside", () => {
    const docker = rules('docker-28');
    const web = { in: 'eth0', from: '192.0.2.1:1000', to: '10.0.0.1:8080' };
    expect(docker.rewriteRule(dnat(web, '172.17.0.2:80'), isLocal).rule).toMatchObject({
      chain: 'DOCKER',
      via: ['PREROUTING'],
    });
    const direct = { in: 'eth0', out: 'docker0', from: '192.0.2.1:1000', to: '172.17.0.2:80' };
    expect(docker.refusalRule(refused('drop', 'PREROUTING', direct), isLocal)).toMatchObject({
      rule: { table: 'raw', chain: 'PREROUTING' },
    });
    const closed = { ...direct, to: '172.17.0.2:22' };
    expect(docker.refusalRule(refused('drop', 'FORWARD', closed), isLocal)).toMatchObject({
      rule: { table: 'filter', chain: 'DOCKER', via: ['FORWARD', 'DOCKER-FORWARD', 'DOCKER-BRIDGE'] },
    });
  });

  it.each([
    [
      'what comes in',
      { in: 'eth0', from: '10.1.1.9:1000', to: '10.0.0.1:8080' },
      '10.0.0.1:15006',
      'ISTIO_PRERT',
    ],
    [
      'what goes out',
      { out: 'eth0', from: '10.0.0.1:1000', to: '10.3.1.1:80' },
      '127.0.0.1:15001',
      'ISTIO_OUTPUT',
    ],
    [
      'look-ups',
      { out: 'eth0', from: '10.0.0.1:1000', to: '10.3.0.10:53', udp: true },
      '127.0.0.1:15053',
      'ISTIO_OUTPUT',
    ],
  ] as const)('Istio ambient: %s, in the pod itself', (_, passing, to, chain) => {
    const { rule } = rules('istio-ambient').rewriteRule(dnat(passing, to, 'redirect'), isLocal);
    expect(rule).toMatchObject({ chain });
    // What OUTPUT sends elsewhere is routed again: the device that its rules were told is not known.
    expect(rule?.unknownMatches ?? ['the out device']).toEqual(['the out device']);
  });

  it('Calico: with its sets a masquerade rests on nothing unknown, without them that is said', () => {
    const out = { in: 'cali5', out: 'eth0', from: '10.10.1.2:1000', to: '192.0.2.1:80' };
    const masquerade = snat(out, 'masquerade', '10.0.0.1:1000');
    const known = rules('network-plugins', 'calico').rewriteRule(masquerade, isLocal);
    expect(known).toMatchObject({ cause: 'masquerade-cni-outgoing', rule: { chain: 'cali-nat-outgoing' } });
    expect(known.rule?.unknownMatches).toBeUndefined();
    expect(rules('network-plugins').rewriteRule(masquerade, isLocal).rule?.unknownMatches).toEqual([
      '-m set --match-set cali40masq-ipam-pools src',
      '! -m set --match-set cali40all-ipam-pools dst',
    ]);
    const barred = { in: 'eth0', out: 'cali5', from: '10.10.9.9:1000', to: '10.10.1.2:8080' };
    const drop = rules('network-plugins', 'calico').refusalRule(refused('drop', 'FORWARD', barred), isLocal);
    expect(drop.rule).toMatchObject({ chain: 'cali-tw-cali5' });
    // What the policy lets in can only be dropped for a state that its tuples do not tell.
    const allowed = refused('drop', 'FORWARD', { ...barred, from: '10.10.9.8:1000' });
    expect(rules('network-plugins', 'calico').refusalRule(allowed, isLocal).rule).toMatchObject({
      comment: 'cali:b',
      unknownMatches: ['the conntrack state'],
    });
  });

  it('kube-proxy 1.24: KUBE-EXT, and a source range that ends in a mark to drop', () => {
    const v24 = rules('kube-proxy-1.24');
    const node = { in: 'eth0', out: 'cbr0', from: '192.0.2.1:1000', to: '10.0.0.1:31000' };
    expect(v24.rewriteRule(dnat(node, '10.0.1.11:8080'), isLocal).rule).toMatchObject({
      chain: 'KUBE-SEP-AAAAAAAAAAAAAAAA',
      service: 'default/web:http',
    });
    expect(v24.rewriteRule(snat(node, 'masquerade', '10.0.1.1:7', '10.0.1.11:8080'), isLocal)).toMatchObject({
      cause: 'masquerade-external-traffic-policy',
      markedBy: { chain: 'KUBE-EXT-LOLE4ISW44XBNF3G' },
    });
    const barred = { in: 'eth0', from: '192.0.2.1:1000', to: '203.0.113.12:80' };
    expect(v24.refusalRule(refused('drop', 'INPUT', barred), isLocal)).toMatchObject({
      because: 'source-ranges',
      rule: { chain: 'KUBE-FIREWALL', service: 'default/web:http' },
    });
  });
});
