import { describe, expect, it } from 'vitest';
import type { ListenerFact, NetnsEvent, RulesEvent } from '../../../src/events/event.ts';
import { rankPlaces, redirects } from '../../../src/sources/capture/choice.ts';

const listener = (port: number): ListenerFact => ({
  protocol: 'tcp',
  ip: '*',
  port,
  process: { pid: 1, comm: 'server' },
});
const device = { ifindex: 2, name: 'eth0', type: 'veth', addresses: ['10.0.0.2/24'] };

const netns = (inum: number, about: Partial<NetnsEvent> = {}): NetnsEvent => ({
  kind: 'netns',
  at: 0,
  netns: inum,
  name: `ns${String(inum)}`,
  role: 'pod',
  links: [device],
  listeners: [],
  ...about,
});

const ranked = (known: readonly NetnsEvent[], redirecting: readonly number[] = []): number[] =>
  rankPlaces(known, new Set(redirecting)).map((one) => one.netns);

describe('where heads are captured', () => {
  it('is nodes first, then proxies, servers, and whoever else has a device', () => {
    const client = netns(1);
    const server = netns(2, { listeners: [listener(80)] });
    const proxy = netns(3, { listeners: [listener(80), listener(443)] });
    const sidecar = netns(4, { listeners: [listener(15_001)] });
    const node = netns(5, { role: 'node' });
    const host = netns(6, { role: 'host', links: [] });
    expect(ranked([client, server, proxy, sidecar, node, host], [4])).toEqual([5, 6, 3, 4, 2, 1]);
  });

  it('is not where nothing passes', () => {
    expect(ranked([netns(1, { links: [] }), netns(2, { links: [{ ...device, name: 'lo' }] })])).toEqual([]);
    expect(ranked([netns(3, { links: [{ ...device, addresses: [] }] })])).toEqual([]);
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
