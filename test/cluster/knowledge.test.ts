import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import type { LinkFact, NetnsEvent, RulesEvent } from '../../src/events/event.ts';

/** After all that these tests take. */
const NOW = 1_000;
const [CLIENT, FABRIC, NODE_A, NODE_B, POD_A, POD_B] = [1, 2, 3, 4, 5, 6];

/** A veth: device, address, and where its other end is. */
const veth = (
  ifindex: number,
  name: string,
  address: string,
  [peerNetns, peerIfindex]: readonly [number, number],
): LinkFact => ({
  ifindex,
  name,
  type: 'veth',
  addresses: address === '' ? [] : [address],
  peerIfindex,
  peerElsewhere: true,
  peerNetns,
});
const bridge = (ifindex: number, name: string, address: string): LinkFact => ({
  ifindex,
  name,
  type: 'bridge',
  addresses: [address],
});
const lo: LinkFact = { ifindex: 1, name: 'lo', type: '', addresses: ['127.0.0.1/8', '::1/128'] };

const netns = (
  id: number,
  name: string,
  role: NetnsEvent['role'],
  links: LinkFact[],
  more: Partial<NetnsEvent> = {},
): NetnsEvent => ({
  kind: 'netns',
  at: 0,
  netns: id,
  name,
  role,
  links: [lo, ...links],
  listeners: [],
  ...more,
});

/** Client, fabric, two nodes and a pod behind each, with the addresses of the dumps. */
const NAMES: readonly NetnsEvent[] = [
  netns(CLIENT, 'client', 'other', [veth(2, 'eth0', '198.51.100.7/24', [FABRIC, 2])]),
  netns(FABRIC, 'fabric', 'other', [
    veth(2, 'cl0', '198.51.100.1/24', [CLIENT, 2]),
    veth(3, 'p-a', '10.100.0.1/24', [NODE_A, 2]),
    veth(4, 'p-b', '', [NODE_B, 2]),
  ]),
  netns(
    NODE_A,
    'node-a',
    'node',
    [
      veth(2, 'eth0', '10.100.0.2/24', [FABRIC, 3]),
      bridge(3, 'cbr0', '10.0.1.1/24'),
      veth(4, 'v1', '', [POD_A, 2]),
    ],
    { node: 'node-a' },
  ),
  netns(
    NODE_B,
    'node-b',
    'node',
    [
      veth(2, 'eth0', '10.100.0.3/24', [FABRIC, 4]),
      bridge(3, 'cbr0', '10.0.2.1/24'),
      veth(4, 'v1', '', [POD_B, 2]),
    ],
    { node: 'node-b' },
  ),
  netns(POD_A, 'default/web-1', 'pod', [veth(2, 'eth0', '10.0.1.11/24', [NODE_A, 4])], { node: 'node-a' }),
  netns(POD_B, 'default/web-2', 'pod', [veth(2, 'eth0', '10.0.2.11/24', [NODE_B, 4])], { node: 'node-b' }),
];

const rules = (id: number, path: string, syntax: RulesEvent['syntax']): RulesEvent => ({
  kind: 'rules',
  at: 0,
  netns: id,
  syntax,
  text: readFileSync(new URL(`../fixtures/kube-proxy/${path}`, import.meta.url), 'utf8'),
});

const RULES = {
  iptables: [
    rules(NODE_A, 'iptables/node-a/iptables-save-c.txt', 'iptables'),
    rules(NODE_A, 'iptables/node-a/ip6tables-save-c.txt', 'ip6tables'),
    rules(NODE_B, 'iptables/node-b/iptables-save-c.txt', 'iptables'),
  ],
  nftables: [
    rules(NODE_A, 'nftables/node-a/nft-ruleset.json', 'nft'),
    rules(NODE_B, 'nftables/node-b/nft-ruleset.json', 'nft'),
  ],
};

function knowing(...events: readonly (NetnsEvent | RulesEvent)[]): ClusterKnowledge {
  const knowledge = new ClusterKnowledge();
  for (const event of events) knowledge.take(event);
  return knowledge;
}

describe.each(['iptables', 'nftables'] as const)('a Service by its address, %s mode', (mode) => {
  const known = knowing(...NAMES, ...RULES[mode]);

  it('is known by ClusterIP, in its namespace and outside', () => {
    for (const from of [POD_A, NODE_B, CLIENT]) {
      expect(known.endpoint(from, '10.3.241.152', 80, 'tcp', NOW)).toMatchObject({
        ip: '10.3.241.152',
        port: 80,
        kind: 'service',
        name: expect.stringMatching(/^[a-z0-9-]+\/[a-z0-9-]+$/) as string,
      });
    }
  });

  it('is known by NodePort on an address of a node, and on that alone', () => {
    const service = known.endpoint(CLIENT, '10.100.0.2', 32213, 'tcp', NOW);
    expect(service.kind).toBe('service');
    expect(known.endpoint(POD_B, '10.100.0.2', 32213, 'tcp', NOW)).toEqual(service);
    expect(known.endpoint(CLIENT, '10.100.0.2', 32213, 'udp', NOW).kind).toBe('node');
    expect(known.endpoint(CLIENT, '10.0.1.11', 32213, 'tcp', NOW).kind).toBe('pod');
    expect(known.endpoint(CLIENT, '198.51.100.99', 32213, 'tcp', NOW).kind).toBe('external');
  });

  it('is known by the address of a load balancer', () => {
    expect(known.endpoint(CLIENT, '203.0.113.10', 80, 'tcp', NOW).kind).toBe('service');
  });

  it('is not known by a port it does not have', () => {
    expect(known.endpoint(POD_A, '10.3.241.152', 81, 'tcp', NOW)).toEqual({
      ip: '10.3.241.152',
      port: 81,
      kind: 'external',
    });
  });

  it('has its NodePorts listed for each node', () => {
    expect(
      known
        .rules(NODE_A)
        ?.nodePorts()
        .map(({ port }) => port),
    ).toContain(32213);
    expect(known.rules(CLIENT)).toBeUndefined();
  });
});

describe('a NodePort on the loopback address', () => {
  const known = knowing(...NAMES, ...RULES.iptables);

  it("is the node's own, and nobody else's", () => {
    expect(known.endpoint(NODE_A, '127.0.0.1', 32213, 'tcp', NOW).kind).toBe('service');
    expect(known.endpoint(POD_A, '127.0.0.1', 32213, 'tcp', NOW)).toMatchObject({
      kind: 'pod',
      name: 'default/web-1',
    });
    expect(known.endpoint(CLIENT, '127.0.0.1', 32213, 'tcp', NOW)).toMatchObject({
      kind: 'external',
      name: 'client',
    });
  });
});

describe('an address', () => {
  const known = knowing(...NAMES);

  it('is the Pod, the node or the outside that has it', () => {
    expect(known.endpoint(NODE_B, '10.0.1.11', 8080, 'tcp', NOW)).toEqual({
      ip: '10.0.1.11',
      port: 8080,
      kind: 'pod',
      name: 'default/web-1',
      node: 'node-a',
    });
    expect(known.endpoint(POD_B, '10.0.1.1', 59269, 'tcp', NOW)).toMatchObject({
      kind: 'node',
      name: 'node-a',
      node: 'node-a',
    });
    expect(known.endpoint(POD_A, '198.51.100.7', 20564, 'tcp', NOW)).toMatchObject({
      kind: 'external',
      name: 'client',
    });
    expect(known.endpoint(POD_A, '192.0.2.1', 443, 'tcp', NOW)).toEqual({
      ip: '192.0.2.1',
      port: 443,
      kind: 'external',
    });
  });

  it('is compared in canonical form', () => {
    expect(known.endpoint(POD_B, '::ffff:10.0.1.11', 8080, 'tcp', NOW)).toMatchObject({
      ip: '10.0.1.11',
      name: 'default/web-1',
    });
  });

  it('has no port for ICMP', () => {
    expect(known.endpoint(POD_B, '10.0.1.11', 0, 'icmp', NOW)).not.toHaveProperty('port');
  });

  it('is nobody when it means many', () => {
    for (const ip of ['224.0.0.1', '255.255.255.255', 'ff02::1', '0.0.0.0']) {
      expect(known.endpoint(POD_A, ip, 5353, 'udp', NOW)).toEqual({ ip, port: 5353, kind: 'unknown' });
    }
  });

  it('is a host without a cluster', () => {
    const alone = knowing(netns(9, 'blue', 'other', [veth(2, 'eth0', '10.9.0.1/24', [10, 2])]));
    expect(alone.endpoint(9, '10.9.0.1', 1, 'tcp', NOW)).toMatchObject({ kind: 'host', name: 'blue' });
    expect(alone.endpoint(9, '127.0.0.1', 1, 'tcp', NOW)).toMatchObject({ kind: 'host', name: 'blue' });
    expect(alone.endpoint(77, '127.0.0.1', 1, 'tcp', NOW).kind).toBe('unknown');
  });
});

describe('the same address in two networks', () => {
  const twins = (open: boolean) => {
    const uplink: LinkFact[] = open ? [{ ifindex: 9, name: 'eth9', type: '', addresses: [] }] : [];
    return knowing(
      netns(21, 'client-1', 'other', [veth(2, 'eth0', '10.9.0.1/24', [22, 2])]),
      netns(22, 'server-1', 'other', [veth(2, 'eth0', '10.9.0.2/24', [21, 2])]),
      netns(31, 'client-2', 'other', [veth(2, 'eth0', '10.9.0.1/24', [32, 2])]),
      netns(32, 'server-2', 'other', [veth(2, 'eth0', '10.9.0.2/24', [31, 2])]),
      netns(41, 'stranger', 'other', [veth(2, 'eth0', '10.8.0.1/24', [42, 2]), ...uplink]),
    );
  };

  it('is the one that links lead to', () => {
    expect(twins(false).endpoint(21, '10.9.0.2', 80, 'tcp', NOW).name).toBe('server-1');
    expect(twins(false).endpoint(31, '10.9.0.2', 80, 'tcp', NOW).name).toBe('server-2');
  });

  it('is neither for one who reaches neither', () => {
    expect(twins(false).endpoint(41, '10.9.0.2', 80, 'tcp', NOW)).toEqual({
      ip: '10.9.0.2',
      port: 80,
      kind: 'external',
    });
    expect(twins(true).endpoint(41, '10.9.0.2', 80, 'tcp', NOW)).not.toHaveProperty('name');
  });

  it('has no name where two are equally near', () => {
    const known = knowing(
      netns(1, 'middle', 'other', [veth(2, 'a', '', [2, 2]), veth(3, 'b', '', [3, 2])]),
      netns(2, 'left', 'other', [veth(2, 'eth0', '10.9.0.2/24', [1, 2])]),
      netns(3, 'right', 'other', [veth(2, 'eth0', '10.9.0.2/24', [1, 3])]),
    );
    expect(known.endpoint(1, '10.9.0.2', 80, 'tcp', NOW)).toEqual({ ip: '10.9.0.2', port: 80, kind: 'host' });
    expect(known.endpoint(2, '10.9.0.2', 80, 'tcp', NOW).name).toBe('left');
  });

  it('is one cluster or the other, by the node asked from', () => {
    const second = NAMES.map((event) => ({
      ...event,
      netns: event.netns + 100,
      name: `second-${event.name}`,
      links: event.links.map((link) =>
        link.peerNetns === undefined ? link : { ...link, peerNetns: link.peerNetns + 100 },
      ),
    }));
    const text =
      '*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.3.241.152/32 -p tcp -m comment --comment "other/thing:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-X\nCOMMIT\n';
    const known = knowing(...NAMES, ...second, ...RULES.iptables, {
      kind: 'rules',
      at: 0,
      netns: NODE_A + 100,
      syntax: 'iptables',
      text,
    });
    expect(known.endpoint(POD_A + 100, '10.3.241.152', 80, 'tcp', NOW)).toMatchObject({
      name: 'other/thing',
      portName: 'http',
    });
    expect(known.endpoint(POD_A, '10.3.241.152', 80, 'tcp', NOW).name).not.toBe('other/thing');
  });
});

describe('names that change', () => {
  it('keeps the name of a namespace that went, until its number or address is taken', () => {
    const known = knowing(...NAMES);
    known.take({ kind: 'netns-gone', at: 1, netns: POD_A });
    expect(known.place(POD_A, NOW)).toEqual({ name: 'default/web-1', node: 'node-a', role: 'pod' });
    expect(known.endpoint(NODE_A, '10.0.1.11', 8080, 'tcp', NOW).name).toBe('default/web-1');
    known.take(
      netns(50, 'default/web-9', 'pod', [veth(2, 'eth0', '10.0.1.11/24', [NODE_A, 5])], { node: 'node-a' }),
    );
    expect(known.endpoint(NODE_A, '10.0.1.11', 8080, 'tcp', NOW).name).toBe('default/web-9');
    known.take(netns(POD_A, 'default/web-10', 'pod', []));
    expect(known.place(POD_A, NOW)?.name).toBe('default/web-10');
  });

  it('gives a new book of rules when they change, and leaves the old one as it was', () => {
    const known = knowing(...NAMES, ...RULES.iptables);
    const before = known.rules(NODE_A);
    expect(known.rules(NODE_A)).toBe(before);
    known.take({ kind: 'rules', at: 1, netns: NODE_A, syntax: 'iptables', text: '*nat\nCOMMIT\n' });
    expect(
      known
        .rules(NODE_A)
        ?.nodePorts()
        .filter(({ port }) => port === 32213),
    ).toEqual([]);
    expect(before?.nodePorts().map(({ port }) => port)).toContain(32213);
  });

  it('forgets the rules of a namespace whose number another has now', () => {
    const known = knowing(...NAMES, ...RULES.iptables);
    known.take({ kind: 'netns-gone', at: 1, netns: NODE_A });
    expect(known.rules(NODE_A)).toBeDefined();
    known.take(netns(NODE_A, 'other', 'other', []));
    expect(known.rules(NODE_A)).toBeUndefined();
  });
});

describe('a link and its other end', () => {
  const known = knowing(...NAMES);

  it('are known where the pair is certain', () => {
    expect(known.device(NODE_A, 3)).toBe('cbr0');
    expect(known.peer(POD_A, 2)).toEqual({ netns: NODE_A, ifindex: 4, device: 'v1' });
    expect(known.peer(NODE_A, 4)).toEqual({ netns: POD_A, ifindex: 2, device: 'eth0' });
  });

  it('are not known otherwise', () => {
    expect(known.peer(NODE_A, 3)).toBeUndefined();
    expect(known.peer(NODE_A, 99)).toBeUndefined();
    const { peerNetns: _, ...open } = veth(2, 'eth0', '', [0, 2]);
    expect(knowing(netns(7, 'x', 'other', [open])).peer(7, 2)).toBeUndefined();
  });
});

describe('a listener', () => {
  const process = (pid: number) => ({ pid, comm: `p${pid}` });
  const known = knowing(
    netns(7, 'x', 'other', [], {
      listeners: [
        { protocol: 'tcp', ip: '*', port: 80, process: process(1) },
        { protocol: 'tcp', ip: '10.0.0.1', port: 80, process: process(2) },
        { protocol: 'tcp', ip: '0.0.0.0', port: 81, process: process(3) },
        { protocol: 'udp', ip: '*', port: 82, process: process(4) },
      ],
    }),
  );
  const at = (protocol: 'tcp' | 'udp', dst: string, dport: number) =>
    known.listener(7, { protocol, src: '10.0.0.9', dst, sport: 1, dport })?.pid;

  it('is the one bound nearest to what was dialled', () => {
    expect(at('tcp', '10.0.0.1', 80)).toBe(2);
    expect(at('tcp', '10.0.0.2', 80)).toBe(1);
    expect(at('tcp', 'fd00::1', 80)).toBe(1);
    expect(at('tcp', '10.0.0.2', 81)).toBe(3);
    expect(at('tcp', 'fd00::1', 81)).toBeUndefined();
    expect(at('udp', '10.0.0.2', 82)).toBe(4);
    expect(at('tcp', '10.0.0.2', 82)).toBeUndefined();
  });
});

describe('the addresses of Services in IPVS mode, which every node has on kube-ipvs0', () => {
  const services: LinkFact = {
    ifindex: 9,
    name: 'kube-ipvs0',
    type: 'dummy',
    addresses: ['10.3.241.152/32', '203.0.113.10/32'],
  };
  const known = new ClusterKnowledge();
  for (const event of NAMES) {
    const isNode = event.netns === NODE_A || event.netns === NODE_B;
    known.take(isNode ? { ...event, links: [...event.links, services] } : event);
  }
  known.take({ kind: 'rules', at: 0, netns: NODE_A, syntax: 'ipvs', text: '-A -t 10.3.241.152:80 -s rr\n' });

  it('are Services and nobody else to who dials them, and the node to itself', () => {
    expect(known.endpoint(POD_A, '10.3.241.152', 80, 'tcp', NOW)).toMatchObject({ kind: 'service' });
    expect(known.endpoint(POD_A, '10.3.241.152', 81, 'tcp', NOW).kind).toBe('external');
    expect(known.endpoint(CLIENT, '203.0.113.10', 80, 'tcp', NOW).kind).toBe('external');
    expect(known.endpoint(NODE_A, '10.3.241.152', 0, 'tcp', NOW)).toMatchObject({
      kind: 'node',
      name: 'node-a',
    });
    expect(known.isLocal(NODE_B, '10.3.241.152')).toBe(true);
  });
});
