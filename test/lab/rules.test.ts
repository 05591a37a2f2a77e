import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mendNft, portmapChain, rules } from '../../scripts/lab/rules.ts';

const dump = (path: string): string =>
  readFileSync(new URL(`../fixtures/kube-proxy/${path}`, import.meta.url), 'utf8');

describe('mending a listed nft rule set so that it can be restored', () => {
  it.each(['node-a', 'node-b'])("keeps %s's own tables whole and drops the one iptables-nft owns", (node) => {
    const text = dump(`nftables/${node}/nft-ruleset.txt`);
    const mended = mendNft(text);
    expect(mended.match(/^table .*(?= \{)/gm)).toEqual(['table ip kube-proxy', 'table ip6 kube-proxy']);
    const removed = text.split('\n').filter((line) => !mended.includes(line));
    expect(
      removed
        .filter((line) => line.trim() !== '')
        .every((line) => /nat|POSTROUTING|masquerade|expires/.test(line)),
    ).toBe(true);
  });

  it('drops what session affinity remembers, and only that', () => {
    const mended = mendNft(
      'table ip kube-proxy {\n' +
        '\tset affinity-a {\n\t\ttimeout 3h\n\t\telements = { 198.51.100.7 expires 2h59m4s256ms,\n\t\t\t 198.51.100.8 expires 1s }\n\t}\n' +
        '\tset cluster-ips {\n\t\telements = { 10.3.240.1,\n\t\t\t 10.3.240.10 }\n\t}\n}\n',
    );
    expect(mended).toBe(
      'table ip kube-proxy {\n' +
        '\tset affinity-a {\n\t\ttimeout 3h\n\t}\n' +
        '\tset cluster-ips {\n\t\telements = { 10.3.240.1,\n\t\t\t 10.3.240.10 }\n\t}\n}\n',
    );
  });
});

describe('the rules of each namespace', () => {
  it('make every nfacct counter before the rule that names it', () => {
    for (const node of ['node-a', 'node-b']) {
      const loads = rules('iptables').filter((load) => load.namespace === node);
      const restore = loads.findIndex((load) => load.command[0] === 'iptables-restore');
      const made = loads.slice(0, restore).map((load) => load.command.at(-1));
      expect(made.sort()).toEqual(['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts']);
    }
  });

  it('name the portmap chain as the plugin does: 28 characters', () => {
    expect(portmapChain('hostport-web-1')).toMatch(/^CNI-DN-[0-9a-f]{21}$/);
    const written = rules('iptables').find((load) => load.input.includes('CNI-HOSTPORT-DNAT'))?.input;
    expect(written).toContain(`:${portmapChain('hostport-web-1')} - [0:0]`);
  });
});
