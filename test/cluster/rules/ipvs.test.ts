import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipvsSave } from '../../../src/cluster/netns/ipvs.ts';
import { tidyIpSets } from '../../../src/cluster/netns/rules.ts';
import { IpSets } from '../../../src/cluster/rules/ipset.ts';
import { parseIpvs } from '../../../src/cluster/rules/ipvs.ts';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import type { Hook } from '../../../src/trace/request.ts';
import type { Rewrite } from '../../../src/trace/knowledge.ts';
import { place, tuple } from './fixtures.ts';

/** kube-proxy in IPVS mode on node-a of the lab, after pkg/proxy/ipvs/proxier.go of Kubernetes 1.33. */
const fixture = (kind: string): string =>
  readFileSync(new URL(`../../fixtures/rules/kube-proxy-ipvs.${kind}`, import.meta.url), 'utf8');

const IPVS = ipvsSave(fixture('proc-ip_vs'));
const withoutSets = NamespaceRules.none.with('iptables', fixture('iptables-save')).with('ipvs', IPVS);
const rules = withoutSets.with('ipset', fixture('ipset-save'));

const NODE = '10.100.0.2';
const POD = '10.0.1.99';
const OUTSIDE = '198.51.100.7';
/** Every Service's address is on kube-ipvs0. */
const isLocal = (ip: string): boolean =>
  [NODE, '10.0.1.1'].includes(ip) || /^(?:10\.3\.|203\.0\.113\.|192\.0\.2\.)/.test(ip);

interface Passing {
  readonly from: string;
  readonly to: string;
  readonly dnat: string;
  /** Absent: sent from here. */
  readonly in?: string;
  readonly udp?: true;
}

function rewrites({ from, to, dnat, in: inDevice, udp }: Passing): { dnat: Rewrite; masquerade: Rewrite } {
  const original = tuple(udp ? 'udp' : 'tcp', `${from}:40000`, to);
  const [dst, dport] = place(dnat);
  const between = { ...original, dst, dport };
  const hook: Hook = inDevice === undefined ? 'OUTPUT' : 'INPUT';
  const device = inDevice === undefined ? {} : { inDevice };
  return {
    dnat: { kind: 'dnat', hook, original, before: original, after: between, ...device },
    masquerade: {
      kind: 'masquerade',
      hook: 'POSTROUTING',
      original,
      before: between,
      after: { ...between, src: NODE, sport: 50_000 },
      ...device,
      outDevice: 'eth0',
    },
  };
}

describe("kube-proxy's IPVS mode", () => {
  it.each([
    ['a pod', { from: POD, to: '10.3.241.152:80', dnat: '10.0.2.11:8080', in: 'cbr0' }, 'INPUT'],
    ['the node itself', { from: NODE, to: '10.3.241.152:80', dnat: '10.0.2.11:8080' }, 'OUTPUT'],
    [
      'the outside, by node port',
      { from: OUTSIDE, to: `${NODE}:32213`, dnat: '10.0.1.11:8080', in: 'eth0' },
      'INPUT',
    ],
    ['datagrams', { from: POD, to: '10.3.240.10:53', dnat: '10.0.2.53:53', in: 'cbr0', udp: true }, 'INPUT'],
  ] as const)('names the virtual server and the real one: from %s', (_, passing, hook) => {
    const protocol = 'udp' in passing ? '-u' : '-t';
    expect(rules.rewriteRule(rewrites(passing).dnat, isLocal)).toEqual({
      rule: {
        family: 'ip',
        table: 'ipvs',
        chain: `${protocol === '-u' ? 'UDP' : 'TCP'} ${passing.to}`,
        via: [hook],
        text: `-A ${protocol} ${passing.to} -s rr; -a ${protocol} ${passing.to} -r ${passing.dnat} -m -w 1`,
      },
    });
  });

  it('names none for a real server that it has not', () => {
    const gone = rewrites({ from: POD, to: '10.3.241.152:80', dnat: '10.0.2.99:8080', in: 'cbr0' });
    expect(rules.rewriteRule(gone.dnat, isLocal)).toEqual({});
  });

  it.each([
    [
      'node port, Cluster',
      OUTSIDE,
      `${NODE}:32213`,
      '10.0.2.11:8080',
      'external-traffic-policy',
      'KUBE-NODE-PORT',
    ],
    [
      'load balancer, Cluster',
      OUTSIDE,
      '203.0.113.10:80',
      '10.0.2.20:80',
      'external-traffic-policy',
      'KUBE-LOAD-BALANCER',
    ],
    [
      'external address',
      OUTSIDE,
      '192.0.2.80:80',
      '10.0.1.11:8080',
      'external-traffic-policy',
      'KUBE-SERVICES',
    ],
    [
      'cluster address, from outside',
      OUTSIDE,
      '10.3.241.152:80',
      '10.0.2.11:8080',
      'off-cluster',
      'KUBE-SERVICES',
    ],
  ])('says why what comes in is masqueraded: %s', (_, from, to, dnat, cause, chain) => {
    const { masquerade } = rewrites({ from, to, dnat, in: 'eth0' });
    const found = rules.rewriteRule(masquerade, isLocal);
    expect(found).toMatchObject({
      cause: `masquerade-${cause}`,
      rule: { table: 'nat', chain: 'KUBE-POSTROUTING', via: ['POSTROUTING'] },
      markedBy: { chain },
    });
    // Where the sets cannot be read (no ipset on the node) any of the rules that ask them may have marked it.
    const guess = withoutSets.rewriteRule(masquerade, isLocal);
    expect(guess.rule?.unknownMatches?.join()).toMatch(/^-m set --match-set KUBE-/);
    expect(guess).toEqual({ rule: { ...found.rule, unknownMatches: guess.rule?.unknownMatches } });
  });

  it('tells hairpin by its set, which asks for no mark', () => {
    const { masquerade } = rewrites({
      from: '10.0.1.11',
      to: '10.3.241.152:80',
      dnat: '10.0.1.11:8080',
      in: 'cbr0',
    });
    const found = rules.rewriteRule(masquerade, isLocal);
    expect(found.cause).toBe('masquerade-hairpin');
    expect(found.rule?.text).toContain('--match-set KUBE-LOOP-BACK dst,dst,src');
    expect(found.markedBy).toBeUndefined();
  });

  it('does not take a Local Service for one that masquerades', () => {
    const { masquerade } = rewrites({
      from: OUTSIDE,
      to: `${NODE}:32003`,
      dnat: '10.0.2.11:8080',
      in: 'eth0',
    });
    expect(rules.rewriteRule(masquerade, isLocal).markedBy).toBeUndefined();
  });

  it.each([
    ['masqueradeAll', 'KUBE-CLUSTER-IP dst,dst', 'masquerade-all'],
    ['no cluster range known', 'KUBE-CLUSTER-IP src,dst', 'masquerade-off-cluster'],
  ])('%s', (_, set, cause) => {
    const text = fixture('iptables-save').replace(
      /^-A KUBE-SERVICES ! -s .* -j KUBE-MARK-MASQ$/m,
      `-A KUBE-SERVICES -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set ${set} -j KUBE-MARK-MASQ`,
    );
    const from = set.endsWith('src,dst') ? '10.3.241.152' : POD;
    const way = from === POD ? { in: 'cbr0' } : {};
    const { masquerade } = rewrites({ from, to: '10.3.241.152:80', dnat: '10.0.2.11:8080', ...way });
    expect(rules.with('iptables', text).rewriteRule(masquerade, isLocal).cause).toBe(cause);
  });

  it.each(['10.3.243.1:80', '203.0.113.11:80'])('refuses what no real server takes: %s', (to) => {
    const packet = tuple('tcp', `${OUTSIDE}:40000`, to);
    for (const hook of ['INPUT', undefined] as const) {
      const refusal = { kind: 'reject', original: packet, current: packet, inDevice: 'eth0' } as const;
      expect(rules.refusalRule(hook === undefined ? refusal : { ...refusal, hook }, isLocal)).toMatchObject({
        rule: { table: 'ipvs', chain: `TCP ${to}`, text: `-A -t ${to} -s rr` },
        because: 'no-endpoints',
      });
    }
  });

  it('drops outside the source ranges, and refuses what is no port of a Service', () => {
    const refused = (from: string, to: string, kind: 'drop' | 'reject') => {
      const packet = tuple('tcp', `${from}:40000`, to);
      return rules.refusalRule(
        { kind, hook: 'INPUT', original: packet, current: packet, inDevice: 'eth0' },
        isLocal,
      );
    };
    expect(refused(OUTSIDE, '203.0.113.12:80', 'drop')).toMatchObject({
      rule: { chain: 'KUBE-SOURCE-RANGES-FIREWALL' },
      because: 'source-ranges',
    });
    expect(refused('198.51.100.70', '203.0.113.12:80', 'drop')).toEqual({});
    expect(refused(OUTSIDE, '10.3.241.152:81', 'reject')).toMatchObject({
      rule: { chain: 'KUBE-IPVS-FILTER' },
      because: 'unknown-port',
    });
  });

  it.each([
    ['10.3.241.152', 80, 'tcp', 'cluster-ip'],
    ['203.0.113.11', 80, 'tcp', 'external'],
    ['192.0.2.80', 80, 'tcp', 'external'],
    [NODE, 32213, 'tcp', 'node-port'],
    [NODE, 30053, 'udp', 'node-port'],
    ['fd00:10:3::157', 80, 'tcp', 'cluster-ip'],
  ] as const)('knows %s:%i for a Service, and of what kind', (ip, port, protocol, kind) => {
    expect(rules.serviceAt(ip, port, protocol, isLocal)).toEqual({ kind });
    expect(rules.serviceAt(ip, port + 1, protocol, isLocal)).toBeUndefined();
  });
});

describe('/proc/net/ip_vs', () => {
  it('becomes what ipvsadm-save -n prints, without what is counted', () => {
    expect(IPVS).toContain('-A -t 192.0.2.80:80 -s rr -p\n-a -t 192.0.2.80:80 -r 10.0.1.11:8080 -m -w 1\n');
    expect(IPVS).toContain('-A -t 10.3.243.1:80 -s rr\n-A -u 10.3.240.10:53 -s rr\n');
    expect(IPVS).toContain(
      '-A -t [fd00:10:3::157]:80 -s rr\n-a -t [fd00:10:3::157]:80 -r [fd00:10:0:1::11]:8080 -m -w 1\n',
    );
    expect(ipvsSave(fixture('proc-ip_vs').replace(/\d+ +\d+ *$/gm, '7          9'))).toBe(IPVS);
  });

  it('says of a real kernel what ipvsadm-save -n says of it', () => {
    const real = (kind: string): string[] =>
      readFileSync(new URL(`../../fixtures/rules/ipvs-6.1.${kind}`, import.meta.url), 'utf8')
        .split('\n')
        .filter((line) => line !== '');
    const own = ipvsSave(real('proc-ip_vs').join('\n')).trimEnd().split('\n');
    // The kernel lists in the order of its hash table.
    expect(own.sort()).toEqual(
      real('ipvsadm-save')
        .map((line) => line.replace(/-p \d+$/, '-p'))
        .sort(),
    );
  });

  it('has marks, other ways of forwarding, one-packet scheduling', () => {
    const listed =
      'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n' +
      'FWM  00000007 wlc ops \n  -> 0A000001:0050      Route   3      0          0\n' +
      'FWM  00000008 wlc \n  -> [fd00:0000:0000:0000:0000:0000:0000:0001]:0050      Tunnel  0      0          0\n' +
      'SCTP  0A000002:270F sh \n';
    expect(ipvsSave(listed)).toBe(
      '-A -f 7 -s wlc -o\n-a -f 7 -r 10.0.0.1:80 -g -w 3\n' +
        '-A -f 8 -s wlc -6\n-a -f 8 -r [fd00::1]:80 -i -w 0\n' +
        '-A --sctp-service 10.0.0.2:9999 -s sh\n',
    );
    expect(ipvsSave('')).toBe('');
  });

  it('whatever is in it, is read without an error, and what it becomes too', () => {
    const lines = fixture('proc-ip_vs').split('\n');
    const mutated = fc.array(fc.tuple(fc.constantFrom(...lines), fc.nat(60), fc.string({ maxLength: 4 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(mutated, (changes) => {
        const text = changes.map(([line, at, put]) => line.slice(0, at) + put + line.slice(at)).join('\n');
        const saved = ipvsSave(text);
        expect(saved === '' || saved.endsWith('\n')).toBe(true);
        for (const { chains } of parseIpvs(saved).tables) {
          for (const chain of chains.values()) expect(chain.rules.length).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe('the sets of rules', () => {
  const match = (text: string, flags: string) => new IpSets(text).match('s', flags, false);

  it.each([
    ['hash:ip,port', '10.0.0.1,tcp:80', 'dst,dst', ['dst', 'protocol', 'dport']],
    ['bitmap:port', '80-90', 'src', ['sport']],
    ['hash:net', '10.0.0.0/8', 'src', ['src']],
    ['hash:ip,port,net', '10.0.0.1,udp:53,10.0.0.0/8', 'dst,dst,src', ['dst', 'protocol', 'dport', 'src']],
    ['hash:net,iface', '10.0.0.0/8,eth0', 'src,src', ['src', 'in']],
  ])('%s holds %s', (type, element, flags, key) => {
    expect(match(`create s ${type} family inet\nadd s ${element}\n`, flags)).toMatchObject({
      kind: 'elements',
      key,
      name: 's',
    });
  });

  it.each([
    ['create s hash:mac\nadd s 00:11:22:33:44:55\n', 'src'],
    ['create s list:set size 8\nadd s t\n', 'src'],
    ['create s hash:net family inet\nadd s 10.0.0.0/8 nomatch\n', 'src'],
    ['create s hash:ip,port family inet\nadd s 10.0.0.1,tcp:80\n', 'dst'],
    ['create t hash:ip\n', 'src'],
  ])('what is not understood is left unknown: %j', (text, flags) => {
    expect(match(text, flags)).toBeUndefined();
  });

  it('filled by packets, they say nothing of later', () => {
    const set = match('create s hash:ip family inet timeout 300\nadd s 10.0.0.1 timeout 12\n', 'src');
    expect(set?.kind === 'elements' && set.elements.volatile).toBe(true);
  });

  it('are the same whatever was counted and however long elements still live', () => {
    expect(
      tidyIpSets(
        'create s hash:ip timeout 300\nadd s 10.0.0.1 timeout 12 packets 3 bytes 180\nadd s 10.0.0.2\n',
      ),
    ).toBe('create s hash:ip timeout 300\nadd s 10.0.0.1\nadd s 10.0.0.2\n');
  });
});
