import { describe, expect, it } from 'vitest';
import { MODES, topology } from '../../scripts/lab/topology.ts';

describe.each(MODES)('the topology in %s mode', (mode) => {
  const { namespaces, wires } = topology(mode);
  const names = namespaces.map(({ name }) => name);
  const ends = wires.flat();

  it('names each namespace once, and the same ones in both modes', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(topology('iptables').namespaces.map(({ name }) => name));
  });

  it('wires existing namespaces only, each device and card address once', () => {
    for (const end of ends) expect(names).toContain(end.namespace);
    const devices = ends.map((end) => `${end.namespace}/${end.device}`);
    expect(new Set(devices).size).toBe(devices.length);
    const perNetwork = ends.filter((end) => end.mac !== undefined && !end.namespace.startsWith('twin-'));
    expect(new Set(perNetwork.map((end) => end.mac)).size).toBe(perNetwork.length);
  });

  it('keeps names within what the kernel stores: 15 bytes for a device and for a process', () => {
    for (const end of ends) expect(end.device.length).toBeLessThanOrEqual(15);
    for (const { servers } of namespaces)
      for (const server of servers) expect(server.name.length).toBeLessThanOrEqual(15);
  });

  it('gives every namespace that has a device an address on it, but to none a root device', () => {
    for (const { name, setup } of namespaces) {
      expect(setup.some((line) => line.startsWith('address add'))).toBe(true);
      expect(ends.some((end) => end.namespace === name)).toBe(true);
    }
  });
});

it('routes node ports on 127.0.0.1 in iptables mode only', () => {
  const setting = (mode: 'iptables' | 'nftables'): string | undefined =>
    topology(mode).namespaces.find(({ name }) => name === 'node-a')?.sysctls[
      'net/ipv4/conf/all/route_localnet'
    ];
  expect([setting('iptables'), setting('nftables')]).toEqual(['1', '0']);
});
