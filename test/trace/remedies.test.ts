/** What is told of remedies in clusters of different shapes; the rules asked are those of a real node. */
import { describe, expect, it } from 'vitest';
import { bookOf } from '../../src/cluster/rules/book.ts';
import { NamespaceRules } from '../../src/cluster/rules/namespace-rules.ts';
import { dump, isLocalOf, tuple } from '../cluster/rules/fixtures.ts';
import type { ClusterBook, EndpointFacts, RuleBook, ServiceFacts } from '../../src/trace/knowledge.ts';
import { noLocalEndpoint } from '../../src/trace/remedies/no-local-endpoint.ts';
import type { Loss } from '../../src/trace/remedies/loss.ts';
import { remediesFor } from '../../src/trace/remedies/remedies.ts';
import { responsibleFor } from '../../src/trace/remedies/responsible.ts';
import type { Endpoint, LossCause, Remedy } from '../../src/trace/request.ts';

const SERVICE = 'default/service-test:http';
const isLocal = isLocalOf('iptables', 'node-a');
const rules = bookOf(
  NamespaceRules.none.with('iptables', dump('iptables', 'node-a', 'iptables-save-c.txt')),
  isLocal,
);

const endpoint = (ip: string, node?: string, more: Partial<EndpointFacts> = {}): EndpointFacts => ({
  ip,
  port: 8080,
  protocol: 'tcp',
  portName: 'http',
  ...(node !== undefined && { node }),
  ready: true,
  serving: true,
  terminating: false,
  ...more,
});

const ending = { ready: false, serving: true, terminating: true };
const broken = { ready: false, serving: false, terminating: false };

const A = endpoint('10.0.1.11', 'node-a');
const B = endpoint('10.0.2.11', 'node-b');
const A6 = endpoint('fd00:10:0:1::11', 'node-a');

const facts = (endpoints: readonly EndpointFacts[], more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  from: 'api',
  name: 'default/service-test',
  clusterIPs: ['10.3.241.152'],
  externalIPs: [],
  loadBalancerIPs: ['203.0.113.10'],
  ports: [{ name: 'http', protocol: 'tcp', port: 80, nodePort: 32213 }],
  endpoints,
  ...more,
});

const book = (service: ServiceFacts | undefined): ClusterBook => ({
  service: (name) => (name === service?.name ? service : undefined),
  services: () => [],
  node: () => undefined,
  nodes: () => [],
  pod: () => undefined,
  ingresses: () => [],
  api: 'in-step',
});

const outside: Endpoint = { ip: '198.51.100.7', kind: 'external' };

interface Given {
  readonly endpoints?: readonly EndpointFacts[];
  readonly from?: string;
  readonly to?: string;
  readonly client?: Endpoint;
  readonly cause?: LossCause;
  readonly rules?: RuleBook;
}

/** A connection that node-a sent on to 10.0.2.11 from an address of its own. */
function lossOf({ endpoints, from = '198.51.100.7:1000', to = '10.100.0.2:32213', ...given }: Given): Loss {
  const original = tuple('tcp', from, to);
  const before = { ...original, dst: '10.0.2.11', dport: 8080 };
  const rule = {
    family: 'ip',
    table: 'nat',
    chain: 'KUBE-EXT-X',
    via: [],
    text: '',
    service: SERVICE,
  } as const;
  return {
    index: 1,
    hop: { leg: 0, kind: 'masquerade', node: 'node-a', observed: true },
    netns: 1,
    rewrite: {
      kind: 'masquerade',
      hook: 'POSTROUTING',
      original,
      before,
      after: { ...before, src: '10.100.0.2', sport: 4000 },
      inDevice: 'eth0',
    },
    explained: { rule: { ...rule, via: [] }, markedBy: { ...rule, via: [] } },
    rules: given.rules ?? rules,
    cause: given.cause ?? 'masquerade-external-traffic-policy',
    client: given.client ?? outside,
    dialled: { ip: original.dst, kind: 'service', name: 'default/service-test' },
    server: { ip: '10.0.2.11', port: 8080, kind: 'pod', name: 'default/web-1', node: 'node-b' },
    cluster: book(endpoints && facts(endpoints)),
    isLocal,
  };
}

const local = (given: Given): Remedy =>
  remediesFor(lossOf(given)).find(({ kind }) => kind === 'external-traffic-policy') as Remedy;

describe('policy Local, by where the endpoints are', () => {
  it('on both nodes: served by the entry node, its source kept', () => {
    const { text, breaks, whatIf } = local({ endpoints: [B, A] });
    expect(text).toBe('Set spec.externalTrafficPolicy: Local on Service default/service-test');
    expect(whatIf).toMatchObject({
      computed: true,
      outcome: 'delivered',
      clientIp: 'preserved',
      servers: ['10.0.1.11:8080'],
    });
    expect(breaks).toBe(
      'Only node-a (10.0.1.11:8080) and node-b (10.0.2.11:8080) have a ready endpoint: every other node would drop what comes to it from outside. ' +
        'Connections are no longer spread over all pods: each node serves its own alone.',
    );
  });

  it('unevenly', () => {
    const { breaks } = local({ endpoints: [A, B, endpoint('10.0.2.12', 'node-b')] });
    expect(breaks).toContain('each node serves its own alone, and not all have as many');
  });

  it('all on the other node: dropped, and the node port goes quiet', () => {
    const { breaks, whatIf } = local({ endpoints: [B] });
    expect(whatIf).toEqual({
      computed: true,
      outcome: 'dropped',
      text: 'node-a has no ready endpoint of it and would drop the connection',
    });
    expect(breaks).toContain('Only node-b (10.0.2.11:8080) has a ready endpoint');
    expect(breaks).toContain('with node-b down nothing serves');
    expect(breaks).toContain('node-a would no longer answer on port 32213.');
  });

  it('all on the other node, at an address that is announced: it goes dark', () => {
    expect(local({ endpoints: [B], to: '203.0.113.10:80' }).breaks).toContain(
      '203.0.113.10 comes in at node-a, which has none: announced at layer 2, it goes dark until node-b announces it.',
    );
    expect(local({ endpoints: [A], to: '203.0.113.10:80' }).breaks).toContain(
      '203.0.113.10 must stay with nodes that have one',
    );
  });

  it.each([
    {
      of: 'that end but still serve, where none is ready',
      here: [endpoint('10.0.1.11', 'node-a', ending)],
      outcome: 'delivered',
    },
    { of: 'that are broken', here: [endpoint('10.0.1.11', 'node-a', broken)], outcome: 'dropped' },
    {
      of: 'of another port',
      here: [endpoint('10.0.1.11', 'node-a', { portName: 'admin' })],
      outcome: 'dropped',
    },
    {
      of: 'of another protocol',
      here: [endpoint('10.0.1.11', 'node-a', { protocol: 'udp' })],
      outcome: 'dropped',
    },
    { of: 'of the other address family', here: [A6], outcome: 'dropped' },
  ])('endpoints $of: $outcome', ({ here, outcome }) => {
    expect(local({ endpoints: [B, ...here] }).whatIf?.outcome).toBe(outcome);
  });

  it('dual stack: each family by its own endpoints', () => {
    const given = { from: '2001:db8:51::7:1000', to: 'fd00:100::2:32213', endpoints: [B, A6] };
    const v6 = bookOf(
      NamespaceRules.none.with('ip6tables', dump('iptables', 'node-a', 'ip6tables-save-c.txt')),
      isLocal,
    );
    const { breaks, whatIf } = local({ ...given, rules: v6 });
    expect(whatIf).toMatchObject({ outcome: 'delivered', servers: ['[fd00:10:0:1::11]:8080'] });
    expect(breaks).not.toContain('10.0.2.11');
  });

  it('on nodes that are not known: said, and not guessed', () => {
    const { breaks, whatIf } = local({ endpoints: [endpoint('10.0.2.11'), endpoint('10.0.3.11')] });
    expect(whatIf).toMatchObject({ outcome: 'unknown' });
    expect(breaks).toContain('On which node 10.0.2.11:8080 and 10.0.3.11:8080 are is not known.');
    // One that is known to be here is enough.
    expect(local({ endpoints: [A, endpoint('10.0.2.11')] }).whatIf).toMatchObject({
      outcome: 'delivered',
      servers: ['10.0.1.11:8080'],
    });
  });

  it('without any knowledge of the Service', () => {
    const { breaks, whatIf } = local({});
    expect(whatIf?.outcome).toBe('unknown');
    expect(breaks).toBe('Which nodes have an endpoint of it is not known here.');
  });

  it('a hundred nodes are counted, not listed', () => {
    const many = Array.from({ length: 100 }, (_, i) => endpoint(`10.0.3.${String(i)}`, `node-${String(i)}`));
    expect(local({ endpoints: many }).breaks).toMatch(
      /^Only node-0 \(10.0.3.0:8080\), .* and 95 others have/,
    );
  });
});

describe('policy Local, by who asks', () => {
  it('the node itself is hidden all the same', () => {
    expect(local({ endpoints: [A, B], from: '10.100.0.2:1000' }).whatIf).toMatchObject({
      outcome: 'delivered',
      clientIp: 'lost',
      servers: ['10.0.1.11:8080', '10.0.2.11:8080'],
    });
  });

  it('a pod goes to any endpoint, and has the ClusterIP besides', () => {
    const given: Given = {
      endpoints: [A, B],
      from: '10.0.1.99:1000',
      client: { ip: '10.0.1.99', kind: 'pod', name: 'default/toolbox' },
    };
    expect(local(given).whatIf).toMatchObject({
      outcome: 'delivered',
      clientIp: 'preserved',
      servers: ['10.0.1.11:8080', '10.0.2.11:8080'],
    });
    const [first, ...others] = remediesFor(lossOf(given));
    expect(first).toMatchObject({
      kind: 'dial-directly',
      text: 'Dial Service default/service-test by its ClusterIP, 10.3.241.152: 10.0.1.99 is a pod of the cluster',
    });
    expect(others.map(({ kind }) => kind)).toEqual(['external-traffic-policy']);
  });

  it('a pod that is the only endpoint meets itself: hairpin', () => {
    const client: Endpoint = { ip: '10.0.1.11', kind: 'pod' };
    expect(local({ endpoints: [A], from: '10.0.1.11:1000', client }).whatIf).toMatchObject({
      outcome: 'delivered',
      clientIp: 'lost',
    });
    expect(local({ endpoints: [A, B], from: '10.0.1.11:1000', client }).whatIf).toMatchObject({
      clientIp: 'preserved',
      servers: ['10.0.2.11:8080'],
    });
  });

  it('a pod of which the rules do not tell is not guessed about', () => {
    const silent = bookOf(NamespaceRules.none, isLocal);
    const client: Endpoint = { ip: '10.0.1.99', kind: 'pod' };
    expect(local({ endpoints: [A], from: '10.0.1.99:1000', client, rules: silent }).whatIf?.outcome).toBe(
      'unknown',
    );
    expect(local({ endpoints: [A], rules: silent }).whatIf?.outcome).toBe('delivered');
  });

  it('a rule of somebody else that would hide it then is found', () => {
    const hiding = dump('iptables', 'node-a', 'iptables-save-c.txt').replace(
      '-A POSTROUTING -s 10.0.0.0/16',
      '-A POSTROUTING -d 10.0.1.0/24 -j MASQUERADE\n-A POSTROUTING -s 10.0.0.0/16',
    );
    const book = bookOf(NamespaceRules.none.with('iptables', hiding), isLocal);
    expect(local({ endpoints: [A], rules: book }).whatIf).toMatchObject({
      outcome: 'delivered',
      clientIp: 'lost',
      text: expect.stringContaining('nat POSTROUTING would still hide 198.51.100.7') as unknown,
    });
  });
});

it('PROXY protocol and headers are for TCP, and for what comes from outside', () => {
  const kinds = (given: Given): string[] => remediesFor(lossOf(given)).map(({ kind }) => kind);
  expect(kinds({})).toEqual(['external-traffic-policy', 'proxy-protocol', 'forwarded-header']);
  const udp = lossOf({});
  const rewrite = { ...udp.rewrite, original: { ...udp.rewrite.original, protocol: 'udp' as const } };
  expect(remediesFor({ ...udp, rewrite }).map(({ kind }) => kind)).toEqual(['external-traffic-policy']);
  const named = remediesFor(lossOf({})).find(({ kind }) => kind === 'proxy-protocol');
  expect(named?.text).toContain('and default/web-1 expect it on port 8080');
  expect(named?.breaks).toContain('Both ends or neither');
});

describe('off the cluster', () => {
  const cause = 'masquerade-off-cluster';
  const spared = { sources: ['10.0.0.0/16'], destinations: [] };

  it.each([
    {
      who: 'a pod whose range is not among them',
      client: { ip: '10.9.0.7', kind: 'pod' },
      kinds: ['kube-proxy-setting', 'dial-directly'],
    },
    { who: 'somebody outside', client: outside, kinds: ['external-traffic-policy', 'dial-directly'] },
  ] as const)('$who', ({ client, kinds }) => {
    const loss = lossOf({
      cause,
      client,
      from: `${client.ip}:1000`,
      to: '10.3.241.152:80',
      endpoints: [A, B],
    });
    const remedies = remediesFor({ ...loss, explained: { ...loss.explained, spared } });
    expect(remedies.map(({ kind }) => kind)).toEqual(kinds);
    expect(remedies.at(-1)?.whatIf).toMatchObject({ outcome: 'delivered', clientIp: 'preserved' });
  });

  it.each([
    { sources: ['10.0.0.0/16'], field: 'clusterCIDR', value: '10.0.0.0/16' },
    { sources: ['cbr0'], field: 'detectLocal.bridgeInterface', value: 'cbr0' },
    { sources: ['veth*'], field: 'detectLocal.interfaceNamePrefix', value: 'veth' },
  ])('is decided by $field', ({ sources, field, value }) => {
    const loss = lossOf({ cause });
    const explained = { ...loss.explained, spared: { sources, destinations: [] } };
    expect(responsibleFor({ ...loss, explained })).toEqual({ object: 'kube-proxy', field, value });
  });
});

it('masqueradeAll: which mode says it, and what is not known of others than pods', () => {
  const cause = 'masquerade-all';
  const pod: Endpoint = { ip: '10.0.1.99', kind: 'pod' };
  const of = (client: Endpoint): Remedy | undefined =>
    remediesFor(lossOf({ cause, client, from: `${client.ip}:1000`, to: '10.3.241.152:80' }))[0];
  expect(of(pod)).toMatchObject({
    kind: 'kube-proxy-setting',
    whatIf: { outcome: 'delivered', clientIp: 'preserved' },
  });
  expect(of(pod)?.text).toContain('Set iptables.masqueradeAll: false');
  expect(of(outside)?.whatIf?.outcome).toBe('unknown');
  expect(of({ ip: '10.0.2.11', kind: 'pod' })?.whatIf).toMatchObject({ clientIp: 'lost' });
});

describe('a Service with policy Local that dropped it', () => {
  const original = tuple('tcp', '198.51.100.7:1000', '203.0.113.10:80');
  const dropped = (endpoints: readonly EndpointFacts[], to = original): Remedy[] =>
    noLocalEndpoint({
      hop: { leg: 0, kind: 'drop', node: 'node-a', observed: true },
      original: to,
      servicePort: SERVICE,
      cluster: book(facts(endpoints)),
      isLocal,
    });

  it('is served at another node, or by any pod without the address', () => {
    const [enter, anywhere] = dropped([B]);
    expect(enter).toMatchObject({
      kind: 'another-node',
      text: 'Let 203.0.113.10 come in at node-b (10.0.2.11:8080): announced at layer 2, it must be so from there',
      whatIf: { outcome: 'delivered', clientIp: 'preserved', servers: ['10.0.2.11:8080'] },
    });
    expect(anywhere).toMatchObject({
      kind: 'external-traffic-policy',
      whatIf: { outcome: 'delivered', clientIp: 'lost', servers: ['10.0.2.11:8080'] },
    });
  });

  it('a ClusterIP with the policy for inside', () => {
    expect(dropped([B], { ...original, dst: '10.3.241.152' })).toMatchObject([
      { kind: 'internal-traffic-policy', whatIf: { clientIp: 'preserved' } },
    ]);
  });

  it('says nothing where nothing can serve it', () => {
    expect(dropped([])).toEqual([]);
    expect(dropped([endpoint('10.0.2.11', 'node-b', broken)])).toEqual([]);
  });
});
