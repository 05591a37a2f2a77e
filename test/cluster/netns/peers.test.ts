import { describe, expect, it } from 'vitest';
import type { LinkReading } from '../../../src/cluster/netns/links.ts';
import { type Linked, nextToAsk, outOfDate, settlePeers } from '../../../src/cluster/netns/peers.ts';

const veth = (ifindex: number, peerIfindex: number, nsid: number): LinkReading => ({
  ifindex,
  name: `v${ifindex}`,
  type: 'veth',
  addresses: [],
  peerIfindex,
  peerElsewhere: true,
  nsid,
});

/** Two nodes whose links carry the same numbers, as on every kind cluster; a pod behind each. */
const nodeA: Linked = { inum: 1, links: [veth(2, 2, 0)] };
const nodeB: Linked = { inum: 2, links: [veth(2, 2, 0)] };
const podA: Linked = { inum: 11, links: [veth(2, 2, 0)] };
const podB: Linked = { inum: 12, links: [veth(2, 2, 0)] };

const peersOf = (all: readonly Linked[]) =>
  Object.fromEntries(
    [...settlePeers(all)].map(([inum, links]) => [inum, links.map((link) => link.peerNetns)]),
  );

describe('settlePeers', () => {
  it('takes equal numbers for no evidence', () => {
    expect(peersOf([nodeA, nodeB, podA, podB])).toEqual({
      1: [undefined],
      2: [undefined],
      11: [undefined],
      12: [undefined],
    });
  });

  it('settles both ends from one', () => {
    const asked = [
      { ...nodeA, nsids: new Map([[0, 11]]) },
      { ...nodeB, nsids: new Map([[0, 12]]) },
      podA,
      podB,
    ];
    expect(peersOf(asked)).toEqual({ 1: [11], 2: [12], 11: [1], 12: [2] });
  });

  it('leaves a pair open whose ends do not fit: a number may be used again', () => {
    const stale = { inum: 1, links: [veth(2, 9, 0)], nsids: new Map([[0, 11]]) };
    expect(peersOf([stale, podA])).toEqual({ 1: [undefined], 11: [undefined] });
    expect(outOfDate([stale, podA])).toEqual([11]);
    expect(outOfDate([{ ...nodeA, nsids: new Map([[0, 11]]) }, podA])).toEqual([]);
  });

  it('keeps the namespace number to itself', () => {
    expect(settlePeers([nodeA]).get(1)?.[0]).not.toHaveProperty('nsid');
  });
});

describe('nextToAsk', () => {
  it('asks the one with most open links first, and nobody when all is settled', () => {
    const hub: Linked = { inum: 3, links: [veth(2, 2, 0), veth(3, 2, 1)] };
    expect(nextToAsk([podA, hub, podB]).map(({ inum }) => inum)).toEqual([3, 11, 12]);
    expect(nextToAsk([podA, { ...nodeA, nsids: new Map([[0, 11]]) }])).toEqual([]);
  });

  it('asks nobody twice', () => {
    expect(nextToAsk([{ ...nodeA, nsids: new Map() }])).toEqual([]);
  });
});
