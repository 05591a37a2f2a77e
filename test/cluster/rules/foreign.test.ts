import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import { parseIptables } from '../../../src/cluster/rules/iptables.ts';
import { parseNft } from '../../../src/cluster/rules/nft.ts';
import type { ParsedRule, RuleSet } from '../../../src/cluster/rules/model.ts';
import type { Protocol, Tuple } from '../../../src/events/tuple.ts';
import type { Rewrite } from '../../../src/trace/knowledge.ts';
import { place, tuple } from './fixtures.ts';
import { saidByLine, saidByModel } from './render.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/rules/${name}`, import.meta.url), 'utf8');

const iptables = (name: string): NamespaceRules =>
  NamespaceRules.none.with('iptables', fixture(`${name}.iptables-save`));
const nft = (name: string): NamespaceRules =>
  NamespaceRules.none.with('nft', fixture(`${name}.nft-list.json`));

const HOST = '10.0.0.1';
const isLocal = (ip: string): boolean => ip === HOST;

interface Passing {
  readonly protocol?: Protocol;
  /** Absent: sent from here. */
  readonly in?: string;
  readonly out?: string;
  readonly from: string;
  readonly to: string;
  readonly dnat?: string;
  readonly redirect?: string;
  readonly snat?: string;
  readonly masquerade?: string;
}

function toDestination(passing: Passing): Rewrite {
  const before = tuple(passing.protocol ?? 'tcp', passing.from, passing.to);
  const [dst, dport] = place(passing.dnat ?? passing.redirect ?? passing.to);
  return {
    kind: passing.redirect === undefined ? 'dnat' : 'redirect',
    hook: passing.in === undefined ? 'OUTPUT' : 'PREROUTING',
    original: before,
    before,
    after: { ...before, dst, dport },
    ...(passing.in === undefined ? {} : { inDevice: passing.in }),
    ...(passing.out === undefined ? {} : { outDevice: passing.out }),
  };
}

function toSource(passing: Passing): Rewrite {
  const { original, after: before, ...rest } = toDestination(passing);
  const [src, sport] = place(passing.masquerade ?? passing.snat ?? passing.from);
  const kind = passing.masquerade === undefined ? 'snat' : 'masquerade';
  return { ...rest, kind, hook: 'POSTROUTING', original, before, after: { ...before, src, sport } };
}

const destination = (rules: NamespaceRules, passing: Passing) =>
  rules.rewriteRule(toDestination(passing), isLocal);
const source = (rules: NamespaceRules, passing: Passing) => rules.rewriteRule(toSource(passing), isLocal);

describe('rules by hand', () => {
  const rules = iptables('plain');

  it('names a DNAT and a SNAT that stand in built-in chains', () => {
    const dnat = destination(rules, {
      in: 'eth0',
      from: '192.0.2.1:1000',
      to: '10.96.0.1:80',
      dnat: '192.168.1.2:8080',
    });
    expect(dnat.rule).toEqual({
      family: 'ip',
      table: 'nat',
      chain: 'PREROUTING',
      via: [],
      text: '-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.168.1.2:8080',
    });
    const snat = source(rules, {
      in: 'eth1',
      out: 'eth0',
      from: '192.168.1.2:8080',
      to: '192.0.2.1:1000',
      snat: '10.0.0.1:8080',
    });
    expect(snat).toMatchObject({ cause: 'snat-rule', rule: { chain: 'POSTROUTING', via: [] } });
    expect(snat.rule?.text).toContain('--to-source 10.0.0.1');
  });

  it.each([
    { to: '10.96.0.2:8443', dnat: '192.168.1.5:8443', fits: true },
    { to: '10.96.0.2:8443', dnat: '192.168.1.5:8444', fits: false },
    { to: '10.96.0.2:8443', dnat: '192.168.1.10:8443', fits: false },
    { to: '10.96.0.2:444', dnat: '192.168.1.5:444', fits: false },
  ])('a range of addresses, several ports: $to to $dnat is its work: $fits', ({ to, dnat, fits }) => {
    const { rule } = destination(rules, { in: 'eth0', from: '192.0.2.1:1000', to, dnat });
    expect(rule !== undefined).toBe(fits);
  });

  it('a range of ports', () => {
    const passing = { protocol: 'udp', in: 'eth0', from: '192.0.2.1:1000', to: '10.96.0.3:53' } as const;
    expect(destination(rules, { ...passing, dnat: '192.168.1.53:5342' }).rule?.text).toContain(':5300-5399');
    expect(destination(rules, { ...passing, dnat: '192.168.1.53:5400' }).rule).toBeUndefined();
  });

  it('REDIRECT, of what comes in by its device alone', () => {
    const passing = { from: '192.0.2.1:1000', to: '198.51.100.1:3128', redirect: '10.0.0.1:8888' };
    expect(destination(rules, { ...passing, in: 'eth1' }).rule?.text).toContain('--to-ports 8888');
    expect(destination(rules, { ...passing, in: 'eth0' }).rule).toBeUndefined();
  });

  it('a range of source addresses; a masquerade by device name', () => {
    const out = { in: 'eth1', from: '192.168.7.9:1000', to: '198.51.100.1:80' };
    expect(source(rules, { ...out, out: 'eth0', snat: '203.0.113.6:7' }).cause).toBe('snat-rule');
    expect(source(rules, { ...out, out: 'eth0', snat: '203.0.113.8:7' }).rule).toBeUndefined();
    expect(source(rules, { ...out, out: 'ppp0', masquerade: '203.0.113.9:20001' }).cause).toBe('snat-rule');
    expect(source(rules, { ...out, out: 'ppp0', masquerade: '203.0.113.9:30000' }).rule).toBeUndefined();
    expect(source(rules, { ...out, out: 'wlan0', masquerade: '203.0.113.9:20001' }).rule).toBeUndefined();
  });

  it('what is seen to be SNAT no MASQUERADE did, though it leads there', () => {
    const out = { in: 'eth1', out: 'ppp0', from: '192.168.7.9:1000', to: '198.51.100.1:80' };
    expect(source(rules, { ...out, masquerade: '203.0.113.9:20001' }).rule).toBeDefined();
    expect(source(rules, { ...out, snat: '203.0.113.9:20001' })).toEqual({});
  });

  it.each([
    { to: '10.0.0.1:23', kind: 'reject', hook: 'INPUT', text: '--reject-with tcp-reset' },
    { to: '10.0.0.1:80', kind: 'drop', hook: 'INPUT', text: '-P INPUT DROP' },
    { to: '198.51.100.9:25', kind: 'reject', hook: 'FORWARD', text: '-A limits -j REJECT' },
    { to: '198.51.100.9:5000', kind: 'drop', hook: 'FORWARD', protocol: 'udp', text: '--length 1400:65535' },
  ] as const)('$kind of $to', ({ to, kind, hook, text, ...rest }) => {
    const packet = tuple('protocol' in rest ? rest.protocol : 'tcp', '192.0.2.1:1000', to);
    const found = rules.refusalRule(
      { kind, hook, original: packet, current: packet, inDevice: 'eth0' },
      isLocal,
    );
    expect(found.rule?.text).toContain(text);
    expect(found.because).toBe('other');
  });

  it('takes no rule for a drop that none of them does', () => {
    const packet = tuple('tcp', '192.0.2.1:1000', '198.51.100.9:80');
    const tuples = { original: packet, current: packet, inDevice: 'eth0' };
    expect(rules.refusalRule({ kind: 'drop', hook: 'FORWARD', ...tuples }, isLocal)).toEqual({});
  });
});

describe('Docker', () => {
  const rules = iptables('docker');

  it('names the published port, and the masquerade of what containers send out', () => {
    expect(
      destination(rules, { in: 'eth0', from: '192.0.2.1:1000', to: '10.0.0.1:8080', dnat: '172.17.0.2:80' })
        .rule,
    ).toMatchObject({
      chain: 'DOCKER',
      via: ['PREROUTING'],
    });
    expect(
      source(rules, {
        in: 'docker0',
        out: 'eth0',
        from: '172.17.0.2:1000',
        to: '192.0.2.1:80',
        masquerade: '10.0.0.1:1000',
      }),
    ).toMatchObject({
      cause: 'masquerade-cni-outgoing',
      rule: { chain: 'POSTROUTING' },
    });
  });

  it('names the policy that drops what no rule accepts', () => {
    const packet = tuple('tcp', '192.0.2.1:1000', '172.17.0.2:81');
    const found = rules.refusalRule(
      {
        kind: 'drop',
        hook: 'FORWARD',
        original: packet,
        current: packet,
        inDevice: 'eth0',
        outDevice: 'docker0',
      },
      isLocal,
    );
    expect(found.rule).toMatchObject({ table: 'filter', chain: 'FORWARD', text: '-P FORWARD DROP' });
  });
});

describe("a sidecar's REDIRECT chains", () => {
  const rules = iptables('istio');

  it.each([
    {
      what: 'in',
      in: 'eth0',
      from: '10.1.1.9:1000',
      to: '10.0.0.1:8080',
      redirect: '10.0.0.1:15006',
      via: ['PREROUTING', 'ISTIO_INBOUND'],
      chain: 'ISTIO_IN_REDIRECT',
    },
    {
      what: 'out',
      out: 'lo',
      from: '10.0.0.1:1000',
      to: '10.3.1.1:80',
      redirect: '127.0.0.1:15001',
      via: ['OUTPUT', 'ISTIO_OUTPUT'],
      chain: 'ISTIO_REDIRECT',
    },
    // The proxy dials its own Pod by the Pod's address: only its user id, which no packet tells, leads there.
    {
      what: 'to itself',
      out: 'lo',
      from: '10.0.0.1:1000',
      to: '10.0.0.1:8080',
      redirect: '127.0.0.1:15006',
      via: ['OUTPUT', 'ISTIO_OUTPUT'],
      chain: 'ISTIO_IN_REDIRECT',
    },
  ])('what goes $what', ({ via, chain, what: _, ...passing }) => {
    expect(destination(rules, passing).rule).toMatchObject({ chain, via });
  });
});

describe('portmap and flannel', () => {
  const rules = iptables('portmap-flannel');
  const hostPort = { to: '10.0.0.1:8443', dnat: '10.244.1.7:443' };
  const chain = 'CNI-DN-3f1a52d2a0d9f7b33c6e1';

  it('names the HostPort', () => {
    const { rule } = destination(rules, { in: 'eth0', from: '192.0.2.1:1000', ...hostPort });
    expect(rule).toMatchObject({ chain, via: ['PREROUTING', 'CNI-HOSTPORT-DNAT'] });
    expect(rule?.service).toBeUndefined();
  });

  it('names the mark that a HostPort has what comes from its own Pods masqueraded by', () => {
    const found = source(rules, {
      in: 'cni0',
      out: 'cni0',
      from: '10.244.1.9:1000',
      ...hostPort,
      masquerade: '10.244.1.1:9',
    });
    expect(found).toMatchObject({
      cause: 'masquerade-hostport',
      rule: { chain: 'CNI-HOSTPORT-MASQ', via: ['POSTROUTING'] },
      markedBy: { chain, via: ['PREROUTING', 'CNI-HOSTPORT-DNAT'] },
    });
    expect(found.markedBy?.text).toContain('-s 10.244.1.0/24');
  });

  it('says of what is sent on unmarked whether flannel would hide it', () => {
    const to = (dst: string): string | undefined =>
      rules.sourceRule({ tuple: tuple('tcp', '192.0.2.1:1000', `${dst}:80`), inDevice: 'eth0' }, isLocal).rule
        ?.chain;
    // Pods of this node are spared, those of others are not.
    expect(to('10.244.1.9')).toBeUndefined();
    expect(to('10.244.2.9')).toBe('FLANNEL-POSTRTG');
  });

  it('tells what Pods send out from what others send in', () => {
    expect(
      source(rules, {
        in: 'cni0',
        out: 'eth0',
        from: '10.244.1.9:1000',
        to: '192.0.2.1:80',
        masquerade: '10.0.0.1:1000',
      }),
    ).toMatchObject({
      cause: 'masquerade-cni-outgoing',
      rule: { chain: 'FLANNEL-POSTRTG', via: ['POSTROUTING'], comment: 'flanneld masq' },
      author: 'flannel',
    });
    expect(
      source(rules, {
        in: 'eth0',
        out: 'flannel.1',
        from: '192.0.2.1:1000',
        to: '10.244.2.9:80',
        masquerade: '10.244.1.0:1000',
      }).cause,
    ).toBe('masquerade-off-cluster');
  });
});

describe('network plugins', () => {
  const rules = iptables('network-plugins');

  it.each([
    // Which addresses a set of Calico's holds is not known: that the source was rewritten says that it matched.
    {
      plugin: 'Calico',
      author: 'calico',
      spared: ['cali40all-ipam-pools'],
      from: '10.10.1.2:1000',
      to: '192.0.2.1:80',
      masquerade: '10.0.0.1:1000',
      chain: 'cali-nat-outgoing',
    },
    {
      plugin: 'AWS',
      author: 'aws-vpc-cni',
      spared: ['10.20.0.0/16', 'vlan*'],
      from: '10.20.1.2:1000',
      to: '192.0.2.1:80',
      snat: '10.20.3.4:1000',
      chain: 'AWS-SNAT-CHAIN-0',
    },
    {
      plugin: 'Cilium',
      author: 'cilium',
      spared: ['10.30.1.0/24', 'cilium_*'],
      from: '10.30.1.2:1000',
      to: '10.20.1.1:80',
      masquerade: '10.0.0.1:1000',
      chain: 'CILIUM_POST_nat',
    },
  ])('$plugin: masquerade of what Pods send out', ({ chain, plugin: _, author, spared, ...passing }) => {
    const found = source(rules, { in: 'pod0', out: 'eth0', ...passing });
    expect(found).toMatchObject({ cause: 'masquerade-cni-outgoing', rule: { chain }, author });
    expect(found.spared?.destinations).toEqual(spared);
  });

  it('ip-masq-agent', () => {
    const agent = iptables('ip-masq-agent');
    const passing = { in: 'cbr0', out: 'eth0', from: '10.244.1.9:1000', masquerade: '10.0.0.1:1000' };
    expect(source(agent, { ...passing, to: '192.0.2.1:80' })).toMatchObject({
      cause: 'masquerade-cni-outgoing',
      rule: { chain: 'IP-MASQ', via: ['POSTROUTING'] },
      author: 'ip-masq-agent',
      spared: { sources: [], destinations: ['169.254.0.0/16', '10.0.0.0/8'] },
    });
    expect(source(agent, { ...passing, to: '10.9.9.9:80' }).rule).toBeUndefined();
  });

  it('names the rule that drops what no policy of a Pod lets in', () => {
    const packet = tuple('tcp', '10.10.9.9:1000', '10.10.1.2:8080');
    const refusal = {
      kind: 'drop',
      original: packet,
      current: packet,
      inDevice: 'eth0',
      outDevice: 'cali5',
    } as const;
    expect(rules.refusalRule({ ...refusal, hook: 'FORWARD' }, isLocal)).toMatchObject({
      because: 'other',
      rule: {
        chain: 'cali-tw-cali5',
        via: ['FORWARD', 'cali-FORWARD', 'cali-to-wl-dispatch'],
        comment: 'cali:g; Drop if no policies passed packet',
      },
    });
  });
});

describe('older versions of kube-proxy', () => {
  const v20 = iptables('kube-proxy-1.20');
  const endpoint = '10.0.1.11:8080';

  it.each([
    {
      to: '10.0.0.1:31000',
      from: '192.0.2.1:1000',
      cause: 'masquerade-external-traffic-policy',
      chain: 'KUBE-NODEPORTS',
    },
    {
      to: '192.0.2.80:80',
      from: '192.0.2.1:1000',
      cause: 'masquerade-external-traffic-policy',
      chain: 'KUBE-SERVICES',
    },
    { to: '10.96.0.20:80', from: '10.0.1.99:1000', cause: 'masquerade-all', chain: 'KUBE-SERVICES' },
  ])('1.20, marked for $to in $chain, whatever bit the mark is', ({ cause, chain, ...tuples }) => {
    const found = source(v20, {
      in: 'eth0',
      out: 'cbr0',
      dnat: endpoint,
      ...tuples,
      masquerade: '10.0.1.1:7',
    });
    expect(found).toMatchObject({
      cause,
      markedBy: { chain, service: 'default/web:http' },
      rule: { service: 'default/web:http' },
    });
  });

  it('1.20 drops by a mark, and says at the mark what for', () => {
    const packet = tuple('tcp', '192.0.2.1:1000', '10.0.0.1:31001');
    const refusal = {
      kind: 'drop',
      hook: 'INPUT',
      original: packet,
      current: packet,
      inDevice: 'eth0',
    } as const;
    expect(v20.refusalRule(refusal, isLocal)).toMatchObject({
      because: 'no-local-endpoint',
      rule: { table: 'filter', chain: 'KUBE-FIREWALL', via: ['INPUT'], service: 'default/edge:http' },
    });
  });

  it('1.30 in nftables mode: a chain for each endpoint, chosen by luck; a port without a name', () => {
    const rules = nft('kube-proxy-1.30');
    const passing = {
      in: 'eth0',
      out: 'eth0',
      from: '192.0.2.1:1000',
      to: '10.0.0.1:31000',
      dnat: '10.0.2.11:8080',
    };
    expect(destination(rules, passing).rule).toMatchObject({
      chain: 'endpoint-QRSTUVWX-default/web/tcp/__10.0.2.11/8080',
      via: [
        'nat-prerouting',
        'services',
        'external-ABCDEFGH-default/web/tcp/',
        'service-ABCDEFGH-default/web/tcp/',
      ],
      service: 'default/web',
    });
    expect(source(rules, { ...passing, masquerade: '10.0.0.1:7' })).toMatchObject({
      cause: 'masquerade-external-traffic-policy',
      rule: { chain: 'masquerading' },
      markedBy: { chain: 'external-ABCDEFGH-default/web/tcp/', service: 'default/web' },
    });
    const hairpin = {
      in: 'cbr0',
      out: 'cbr0',
      from: '10.0.2.11:1000',
      to: '10.96.0.20:80',
      dnat: '10.0.2.11:8080',
    };
    expect(source(rules, { ...hairpin, masquerade: '10.0.2.1:7' })).toMatchObject({
      cause: 'masquerade-hairpin',
      markedBy: { chain: 'endpoint-QRSTUVWX-default/web/tcp/__10.0.2.11/8080' },
    });
    expect(rules.serviceAt('10.96.0.20', 80, 'tcp', isLocal)).toEqual({
      name: 'default/web',
      kind: 'cluster-ip',
    });
    expect(rules.nodePorts()).toEqual([{ service: 'default/web', port: 31000, protocol: 'tcp' }]);
  });
});

describe('nftables without kube-proxy', () => {
  const rules = nft('native');
  const client = { in: 'eth0', from: '192.0.2.1:1000' };

  it.each([
    {
      what: "firewalld's forward port",
      to: '10.0.0.1:2222',
      dnat: '10.9.0.5:22',
      table: 'firewalld',
      chain: 'nat_PRE_public_allow',
    },
    {
      what: 'HostPort',
      to: '10.0.0.1:8443',
      dnat: '10.244.1.7:443',
      table: 'cni_hostport',
      chain: 'hostports',
    },
    {
      what: 'HostPort of one address',
      to: '192.0.2.9:9443',
      dnat: '10.244.1.9:443',
      table: 'cni_hostport',
      chain: 'hostip_hostports',
    },
    {
      what: 'a map with intervals',
      to: '192.0.2.10:1500',
      dnat: '10.50.0.1:80',
      table: 'hand',
      chain: 'pre',
    },
    { what: 'a map with values', to: '192.0.2.10:2000', dnat: '10.50.0.2:80', table: 'hand', chain: 'pre' },
    { what: 'a hash', to: '192.0.2.11:80', dnat: '10.50.0.4:80', table: 'hand', chain: 'pre' },
  ])('DNAT by $what', ({ to, dnat, table, chain }) => {
    expect(destination(rules, { ...client, to, dnat }).rule).toMatchObject({ table, chain });
  });

  it.each([
    { to: '192.0.2.10:1500', dnat: '10.50.0.2:80' },
    { to: '192.0.2.10:2001', dnat: '10.50.0.2:80' },
    { to: '192.0.2.11:80', dnat: '10.50.0.5:80' },
  ])('no DNAT of theirs leads $to to $dnat', ({ to, dnat }) => {
    expect(destination(rules, { ...client, to, dnat }).rule).toBeUndefined();
  });

  it('redirects ports in a set', () => {
    const passing = { ...client, to: '198.51.100.1:8050', redirect: '10.0.0.1:8080' };
    expect(destination(rules, passing).rule).toMatchObject({
      table: 'hand',
      text: 'tcp dport { 81, 8000-8100 } redirect to :8080',
    });
    expect(destination(rules, { ...passing, to: '198.51.100.1:8101' }).rule).toBeUndefined();
  });

  it.each([
    {
      what: 'by range and set',
      out: 'wan1',
      from: '10.60.1.5:1',
      snat: '203.0.113.25:9',
      table: 'hand',
      cause: 'snat-rule',
    },
    {
      what: 'kindnet',
      out: 'eth9',
      from: '10.244.1.9:1',
      masquerade: '10.0.0.1:9',
      table: 'kindnet-ipmasq',
      cause: 'masquerade-cni-outgoing',
    },
    {
      what: 'firewalld',
      out: 'eth0',
      from: '192.168.5.5:1',
      masquerade: '10.0.0.1:9',
      table: 'firewalld',
      cause: 'snat-rule',
    },
  ])('source rewritten $what', ({ table, cause, what: _, ...passing }) => {
    const found = source(rules, { in: 'eth1', to: '198.51.100.1:80', ...passing });
    expect(found).toMatchObject({ rule: { table }, cause });
  });

  it('the hairpin of a HostPort', () => {
    const passing = {
      in: 'cni0',
      out: 'cni0',
      from: '10.244.1.7:1',
      to: '10.0.0.1:8443',
      dnat: '10.244.1.7:443',
    };
    expect(source(rules, { ...passing, masquerade: '10.244.1.1:9' })).toMatchObject({
      cause: 'masquerade-hostport',
      rule: { table: 'cni_hostport', chain: 'masquerading', comment: 'a1' },
    });
  });

  it.each([
    { to: '10.0.0.1:80', kind: 'reject', table: 'firewalld', chain: 'filter_IN_public' },
    { to: '10.0.0.1:22', kind: 'drop', table: 'hand', chain: 'in' },
  ] as const)('$kind of $to', ({ to, kind, table, chain }) => {
    const packet: Tuple = tuple('tcp', '192.0.2.1:1000', to);
    const refusal = { kind, hook: 'INPUT', original: packet, current: packet, inDevice: 'eth0' } as const;
    expect(rules.refusalRule(refusal, isLocal).rule).toMatchObject({ table, chain });
  });
});

describe('listings', () => {
  const rulesOf = (set: RuleSet): ParsedRule[] =>
    set.tables.flatMap(({ chains }) => [...chains.values()].flatMap(({ rules }) => rules));

  it.each(['docker', 'ip-masq-agent', 'portmap-flannel', 'kube-proxy-1.20'])(
    '%s: every rule says what its line says',
    (name) => {
      for (const rule of rulesOf(parseIptables(fixture(`${name}.iptables-save`), 'ip'))) {
        const said = saidByLine(rule.text).map((part) => part.replace('--dports', '--dport'));
        expect(saidByModel(rule), rule.text).toEqual(said);
      }
    },
  );

  it('unquotes comments', () => {
    const comments = rulesOf(parseIptables(fixture('plain.iptables-save'), 'ip')).flatMap(
      ({ comment }) => comment ?? [],
    );
    expect(comments).toEqual(['he said "no \\ yes"']);
  });

  it.each([
    { name: 'istio', unknown: ['-m owner --uid-owner 1337', '-m owner --gid-owner 1337'] },
    { name: 'plain', unknown: ['-m mac --mac-source 02:00:00:00:00:01', '-m length --length 1400:65535'] },
    {
      name: 'network-plugins',
      unknown: [
        '-m addrtype --limit-iface-out',
        '-m set --match-set cali40masq-ipam-pools src',
        '-m set --match-set cali40all-ipam-pools dst',
        '-m set --match-set cali40s:web src',
      ],
    },
  ])('$name: keeps what it does not understand', ({ name, unknown }) => {
    const kept = rulesOf(parseIptables(fixture(`${name}.iptables-save`), 'ip')).flatMap(({ steps }) =>
      steps.flatMap((step) =>
        step.kind === 'match' && step.match.kind === 'unknown' ? [step.match.text] : [],
      ),
    );
    expect([...new Set(kept)].sort()).toEqual(unknown.sort());
  });

  it.each(['native', 'kube-proxy-1.30'])('%s: prints every rule as nft does', (name) => {
    const listed = fixture(`${name}.nft-list.txt`)
      .split('\n')
      .flatMap(
        (line) => /^\t\t(?!type |comment |elements |\t|size |flags |timeout )(.+)$/.exec(line)?.[1] ?? [],
      )
      .map((line) => line.replace(/counter packets \d+ bytes \d+ /, ''));
    const printed = rulesOf(parseNft(fixture(`${name}.nft-list.json`))).map(({ text }) => text);
    expect(printed.sort()).toEqual(listed.sort());
  });
});
