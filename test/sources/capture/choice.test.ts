import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetnsEvent, RulesEvent } from '../../../src/events/event.ts';
import { choosePlaces, redirects } from '../../../src/sources/capture/choice.ts';

/** With a device to each of its neighbours. */
const netns = (inum: number, peers: readonly number[], about: Partial<NetnsEvent> = {}): NetnsEvent => ({
  kind: 'netns',
  at: 0,
  netns: inum,
  name: `ns${String(inum)}`,
  role: 'pod',
  links: peers.map((peerNetns, i) => ({
    ifindex: i + 2,
    name: `eth${String(i)}`,
    type: 'veth',
    peerNetns,
    addresses: ['10.0.0.2/24'],
  })),
  listeners: [],
  ...about,
});
const NODE = { role: 'node' } as const;

const chosen = (known: readonly NetnsEvent[], redirecting: readonly number[] = []): number[] =>
  choosePlaces(known, new Set(redirecting)).map((one) => one.netns);

describe('where heads are captured', () => {
  it('is the nodes, and not their pods, whose traffic passes there', () => {
    expect(chosen([netns(1, [3]), netns(2, [3]), netns(3, [1, 2], NODE)])).toEqual([3]);
  });

  it('is a pod, too, that turns what passes back into itself', () => {
    expect(chosen([netns(1, [3]), netns(2, [3]), netns(3, [1, 2], NODE)], [2])).toEqual([3, 2]);
  });

  it('is who stands between others, where there is no node', () => {
    expect(chosen([netns(1, [2]), netns(2, [1, 3]), netns(3, [2])])).toEqual([2]);
    expect(chosen([netns(1, [2]), netns(2, [1])])).toEqual([1]);
  });

  it('is who has a device that leads to where nothing is traced', () => {
    expect(chosen([netns(1, [9]), netns(2, [3]), netns(3, [2, 9], NODE)])).toEqual([3, 1]);
    const elsewhere = { ifindex: 2, name: 'net1', type: 'macvlan', addresses: ['192.0.2.2/24'] };
    expect(chosen([netns(2, [3], { links: [elsewhere] }), netns(3, [2], NODE)])).toEqual([3, 2]);
  });

  it('is not where nothing passes', () => {
    const lo = { ifindex: 1, name: 'lo', type: '', addresses: ['127.0.0.1/8'] };
    expect(chosen([netns(1, [], { links: [] }), netns(2, [], { links: [lo] })])).toEqual([]);
    expect(chosen([netns(3, [], { links: [{ ...lo, name: 'eth0', addresses: [] }] })])).toEqual([]);
  });

  it('sees an end of every link, whatever leads where', () => {
    const links = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 20 });
    fc.assert(
      fc.property(links, fc.array(fc.nat(9)), (pairs, nodes) => {
        const known = [...Array(10).keys()].map((inum) => {
          const peers = pairs.flatMap(([a, b]) => (a === inum ? [b] : b === inum ? [a] : []));
          return netns(inum, peers, nodes.includes(inum) ? NODE : {});
        });
        const places = new Set(chosen(known));
        for (const [a, b] of pairs) if (a !== b) expect(places.has(a) || places.has(b)).toBe(true);
      }),
    );
  });

  it.each([
    ['iptables', '-A PREROUTING -p tcp -j REDIRECT --to-ports 15006', true],
    ['nft', '{"redirect":{"port":15006}}', true],
    ['iptables', '-A PREROUTING -p tcp -j REDIRECTED', false],
    ['iptables', '-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80', false],
  ] as const)('is known to redirect by its %s rules: %s', (syntax, text, expected) => {
    const rules: RulesEvent = { kind: 'rules', at: 0, netns: 1, syntax, text };
    expect(redirects(rules)).toBe(expected);
  });
});
