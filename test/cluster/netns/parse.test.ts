import { describe, expect, it } from 'vitest';
import { parseCgroup } from '../../../src/cluster/netns/cgroup.ts';
import { parseMounts } from '../../../src/cluster/netns/find.ts';
import { parseDefaultDevices, parseLinks } from '../../../src/cluster/netns/links.ts';
import { parseLsns } from '../../../src/cluster/netns/nsids.ts';
import { nodeNameIn } from '../../../src/cluster/netns/processes.ts';
import { tidyIptables } from '../../../src/cluster/netns/rules.ts';
import { deviceNames, localAddresses } from '../../../src/cluster/netns/signature.ts';
import { parseTableNames } from '../../../src/cluster/netns/tables.ts';

describe('parseMounts', () => {
  it('takes mounted network namespaces, with all their places', () => {
    const mounts = parseMounts(
      [
        '24 1 0:22 / /sys rw,nosuid - sysfs sysfs rw',
        '301 29 0:4 net:[4026532177] /run/netns/blue rw shared:2 - nsfs nsfs rw',
        '302 29 0:4 net:[4026532177] /run/docker/netns/two\\040words rw - nsfs nsfs rw',
        '303 29 0:4 mnt:[4026532300] /run/snapd/ns/x.mnt rw - nsfs nsfs rw',
        '304 29 0:9 net:[1] /run/netns/not-one rw - tmpfs tmpfs rw',
      ].join('\n'),
    );
    expect([...mounts]).toEqual([[4026532177, ['/run/netns/blue', '/run/docker/netns/two words']]]);
  });
});

describe('parseCgroup', () => {
  const uid = '2b8a6c1e-0f3d-4f5a-9c7b-1d2e3f4a5b6c';
  const id = 'ab'.repeat(32);

  it.each([
    [
      'systemd driver',
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
    ],
    [
      'cgroupfs driver, v1',
      `12:cpu,cpuacct:/kubepods/burstable/pod${uid}/${id}\n11:memory:/kubepods/burstable/pod${uid}/${id}`,
    ],
    [
      'in a kind node',
      `0::/system.slice/docker-${'cd'.repeat(32)}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
    ],
    [
      'CRI-O, guaranteed',
      `0::/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/crio-${id}.scope/container`,
    ],
  ])('finds Pod and container: %s', (_, text) => {
    expect(parseCgroup(text)).toEqual({ podUid: uid, container: id });
  });

  it("takes a static Pod's UID, which has no dashes", () => {
    const text = `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${'0f'.repeat(16)}.slice/cri-containerd-${id}.scope`;
    expect(parseCgroup(text).podUid).toBe('0f'.repeat(16));
  });

  it('takes a plain container', () => {
    expect(parseCgroup(`0::/system.slice/docker-${id}.scope`)).toEqual({ container: id });
    expect(parseCgroup(`0::/docker/${id}`)).toEqual({ container: id });
  });

  it('finds nothing where there is nothing', () => {
    for (const text of ['', '0::/', '0::/system.slice/ssh.service', '0::/user.slice/user-0.slice/pod-tool']) {
      expect(parseCgroup(text)).toEqual({});
    }
  });
});

describe('nodeNameIn', () => {
  it.each([
    ['/usr/local/bin/kube-proxy\0--config=/c\0--hostname-override=node-a\0', 'node-a'],
    ['kubelet\0--hostname-override\0node-b\0--v=2\0', 'node-b'],
    ['/usr/bin/k3s\0server\0--node-name=node-c\0', 'node-c'],
    ['kubelet\0--hostname-override=\0', undefined],
    ['kubelet\0--hostname-override\0', undefined],
    ['kubelet\0', undefined],
  ])('%j', (cmdline, name) => {
    expect(nodeNameIn(cmdline)).toBe(name);
  });

  it('lets no control character through', () => {
    expect(nodeNameIn('kubelet\0--hostname-override=a\x1b[2Jb\0')).toBe('a·[2Jb');
  });
});

describe('parseLinks', () => {
  it('tells a peer elsewhere, a peer here, a port of a bridge, and hardware', () => {
    const links = parseLinks(
      JSON.stringify([
        {
          ifindex: 1,
          ifname: 'lo',
          link_type: 'loopback',
          addr_info: [{ local: '127.0.0.1', prefixlen: 8 }],
        },
        { ifindex: 2, ifname: 'eth0', link_type: 'ether', addr_info: [] },
        {},
        {
          ifindex: 3,
          link_index: 2,
          ifname: 'v1',
          link_netnsid: 4,
          master: 'cbr0',
          linkinfo: { info_kind: 'veth' },
        },
        { ifindex: 4, ifname: 'cbr0', linkinfo: { info_kind: 'bridge' } },
        { ifindex: 5, ifname: 'a', link: 'b', linkinfo: { info_kind: 'veth' } },
        { ifindex: 6, ifname: 'b', link: 'a', linkinfo: { info_kind: 'veth' } },
        { ifindex: 7, ifname: 'tunl0', link: null, linkinfo: { info_kind: 'ipip' } },
        { ifindex: 'eight', ifname: 'x' },
      ]),
    );
    expect(links).toEqual([
      { ifindex: 1, name: 'lo', type: '', addresses: ['127.0.0.1/8'] },
      { ifindex: 2, name: 'eth0', type: '', addresses: [] },
      {
        ifindex: 3,
        name: 'v1',
        type: 'veth',
        addresses: [],
        peerIfindex: 2,
        peerElsewhere: true,
        nsid: 4,
        masterIfindex: 4,
      },
      { ifindex: 4, name: 'cbr0', type: 'bridge', addresses: [] },
      { ifindex: 5, name: 'a', type: 'veth', addresses: [], peerIfindex: 6, peerElsewhere: false },
      { ifindex: 6, name: 'b', type: 'veth', addresses: [], peerIfindex: 5, peerElsewhere: false },
      { ifindex: 7, name: 'tunl0', type: 'ipip', addresses: [] },
    ]);
  });

  it('cleans names: a namespace belongs to others', () => {
    expect(parseLinks(JSON.stringify([{ ifindex: 2, ifname: 'e\x1b[31m' }]))[0]?.name).toBe('e·[31m');
  });

  it.each(['', 'null', '{}', '[', '[null, 1, "x"]'])('takes %j as no links', (json) => {
    expect(parseLinks(json)).toEqual([]);
  });
});

describe('parseDefaultDevices', () => {
  it('takes single and multipath routes', () => {
    const json =
      '[{"dst":"default","dev":"eth0"},{"dst":"default","nexthops":[{"dev":"eth1"},{"dev":"eth2"}]}]';
    expect(parseDefaultDevices(json)).toEqual(['eth0', 'eth1', 'eth2']);
  });
});

describe('parseLsns', () => {
  it('takes numbers in either spelling, and leaves out what has none', () => {
    const json = `{ "namespaces": [
      {"ns": 4026531840, "netnsid": "unassigned"}, {"ns": 4026532177, "netnsid": "0"},
      {"ns": "4026532246", "netnsid": 3}, {"ns": 4026532300, "netnsid": ""}, {"ns": 4026532301}
    ] }`;
    expect(parseLsns(json)).toEqual([
      [0, 4026532177],
      [3, 4026532246],
    ]);
    expect(parseLsns('lsns: not permitted')).toEqual([]);
  });
});

describe('parseTableNames', () => {
  it('takes the tables of IP families, warnings or not', () => {
    const text =
      '# Warning: table ip nat is managed by iptables-nft, do not touch!\ntable ip nat {\n}\n' +
      'table inet firewalld {\n\tset x {\n\t\ttype ipv4_addr\n\t}\n}\ntable ip kube-proxy {\n}\ntable bridge b {\n}\n';
    expect(parseTableNames(text)).toEqual(['ip nat', 'inet firewalld', 'ip kube-proxy']);
  });

  it('leaves out names that would become part of a command', () => {
    expect(parseTableNames('table ip x; flush ruleset {\n}\ntable ip -f {\n}\ntable ip a"b {\n}\n')).toEqual(
      [],
    );
  });
});

describe('tidyIptables', () => {
  it('takes away what changes by itself, and nothing else', () => {
    expect(
      tidyIptables(
        '# Generated by iptables-nft-save v1.8.9 on Sat\n*nat\n:PREROUTING ACCEPT [12:3456]\n:KUBE-SVC-X - [0:0]\n' +
          '-A PREROUTING -m comment --comment "# [1:2]" -j KUBE-SVC-X\nCOMMIT\n# Completed on Sat\n',
      ),
    ).toBe(
      '*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SVC-X - [0:0]\n' +
        '-A PREROUTING -m comment --comment "# [1:2]" -j KUBE-SVC-X\nCOMMIT\n',
    );
  });
});

describe('signature', () => {
  it('is made of device names and local addresses', () => {
    expect(
      deviceNames(
        'Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 100 1 0\n  eth0: 5 6 7\nveth1234:9 9 9\n',
      ),
    ).toBe('lo eth0 veth1234');
    expect(
      localAddresses(
        'Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.1.0\n        /24 link UNICAST\n     |-- 10.0.1.1\n        /32 host LOCAL\n     |-- 10.0.1.255\n        /32 link BROADCAST\n',
      ),
    ).toBe('10.0.1.1');
  });
});
