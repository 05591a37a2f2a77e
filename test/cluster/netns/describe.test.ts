import { describe, expect, it } from 'vitest';
import { describe as describeAll, type NetnsFacts } from '../../../src/cluster/netns/describe.ts';
import type { LinkFact } from '../../../src/events/event.ts';

const facts = (inum: number, given: Partial<NetnsFacts> = {}): NetnsFacts => ({
  inum,
  own: false,
  mountNames: [],
  kubeProxy: 'none',
  nodeAgent: false,
  podUids: [],
  containers: [],
  tenants: [],
  links: [],
  defaultDevices: [],
  listeners: [],
  ...given,
});

const link = (ifindex: number, name: string, given: Partial<LinkFact> = {}): LinkFact => ({
  ifindex,
  name,
  type: 'veth',
  addresses: [],
  ...given,
});

const node = facts(1, {
  mountNames: ['node-a'],
  kubeProxy: 'iptables',
  defaultDevices: ['eth0'],
  links: [
    link(2, 'eth0', { peerNetns: 9, peerIfindex: 5, peerElsewhere: true }),
    link(3, 'cbr0', { type: 'bridge' }),
    link(4, 'v1', { peerNetns: 11, peerIfindex: 2, peerElsewhere: true, masterIfindex: 3 }),
  ],
});
const behind = (peerIfindex: number): readonly LinkFact[] => [
  link(1, 'lo', { type: '' }),
  link(2, 'eth0', { peerNetns: 1, peerIfindex, peerElsewhere: true, addresses: ['10.0.1.2/24'] }),
];
const POD = '2b8a6c1e-0f3d-4f5a-9c7b-1d2e3f4a5b6c';

const told = (all: readonly NetnsFacts[], names: readonly [string, string][] = []) =>
  Object.fromEntries(
    describeAll(all, 'machine', new Map(names)).map(({ netns, name, role, node: on, pod }) => [
      netns,
      { name, role, ...(on === undefined ? {} : { node: on }), ...(pod === undefined ? {} : { pod }) },
    ]),
  );

describe('describe', () => {
  it('knows a pod by its place behind a node', () => {
    const pod = facts(11, { mountNames: ['web'], links: behind(4) });
    expect(told([node, pod])).toEqual({
      1: { name: 'node-a', role: 'node', node: 'node-a' },
      11: { name: 'web', role: 'pod', node: 'node-a' },
    });
  });

  it("takes what is on the node's way out for no pod, be it the link itself or its bridge's", () => {
    const router = facts(9, { mountNames: ['router'], links: behind(2) });
    expect(told([node, router])[9]).toEqual({ name: 'router', role: 'other' });
    const bridged = { ...node, defaultDevices: ['cbr0'] };
    expect(told([bridged, facts(11, { links: behind(4) })])[11]?.role).toBe('other');
  });

  it('takes what is between two nodes, or has a way of its own, for no pod', () => {
    const second = { ...node, inum: 2 };
    const between = facts(11, { links: [...behind(4), link(3, 'eth1', { peerNetns: 2, peerIfindex: 4 })] });
    expect(told([node, second, between])[11]?.role).toBe('other');
    const own = facts(11, {
      links: [...behind(4), link(3, 'wlan0', { type: '', addresses: ['192.0.2.1/24'] })],
    });
    expect(told([node, own])[11]?.role).toBe('other');
  });

  it('does not mind the address-less fallback devices of tunnel modules', () => {
    const pod = facts(11, { links: [...behind(4), link(3, 'tunl0', { type: 'ipip' })] });
    expect(told([node, pod])[11]?.role).toBe('pod');
  });

  it("takes a plain container beside the node's Pods for what it is", () => {
    const container = facts(11, { links: behind(4), containers: ['ab'.repeat(32)] });
    expect(told([node, container])[11]).toEqual({ name: 'abababababab', role: 'other' });
  });

  it('knows a Pod by its control group, and its name from the node', () => {
    const pod = facts(11, {
      podUids: [POD],
      mountNames: [`cni-${POD}`],
      hostname: 'web-0',
      links: behind(4),
    });
    expect(told([node, pod], [[POD, 'default/web-0']])[11]).toEqual({
      name: 'default/web-0',
      role: 'pod',
      node: 'node-a',
      pod: 'default/web-0',
    });
    expect(told([node, pod])[11]).toEqual({ name: 'web-0', role: 'pod', node: 'node-a' });
  });

  it('knows the node of a Pod it cannot see a link of only while there is one node', () => {
    const pod = facts(11, { podUids: [POD] });
    expect(told([node, pod])[11]?.node).toBe('node-a');
    expect(told([node, { ...node, inum: 2, mountNames: ['node-b'] }, pod])[11]).not.toHaveProperty('node');
  });

  it('names a node as kubelet was told, else by its host name, else by its place', () => {
    const name = (given: Partial<NetnsFacts>) => told([{ ...node, ...given }])[1]?.name;
    expect(name({ nodeName: 'override', hostname: 'kind-worker' })).toBe('override');
    expect(name({ hostname: 'kind-worker' })).toBe('kind-worker');
    expect(name({ own: true })).toBe('machine');
    expect(name({})).toBe('node-a');
  });

  it('calls its own namespace the host unless it is a node', () => {
    expect(told([facts(1, { own: true })])[1]).toEqual({ name: 'machine', role: 'host' });
    expect(told([facts(1, { own: true, nodeAgent: true })])[1]?.role).toBe('node');
  });

  it('prefers a given name over a made-up one, and always has one', () => {
    const name = (given: Partial<NetnsFacts>) => told([facts(7, given)])[7]?.name;
    expect(name({ mountNames: [`cni-${POD}`, 'blue'] })).toBe('blue');
    expect(name({ mountNames: [`cni-${POD}`], hostname: 'h' })).toBe('h');
    expect(name({ mountNames: [POD] })).toBe(POD);
    expect(name({})).toBe('netns-7');
  });
});
