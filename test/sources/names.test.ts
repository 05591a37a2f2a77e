import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event, NetnsEvent, RulesEvent } from '../../src/events/event.ts';
import { namesSource } from '../../src/sources/names.ts';
import type { Source } from '../../src/sources/source.ts';
import { live } from '../support/live.ts';
import { childrenIn, TestNetwork, until } from '../support/network.ts';

const now = (): number => Number(process.hrtime.bigint());
const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/kube-proxy/${name}`, import.meta.url), 'utf8')
    // These ask for accounting objects that kube-proxy made beforehand.
    .replace(/^.*nfacct.*\n/gm, '');

vi.setConfig({ testTimeout: 30_000 });

live('needs root')('names, on this machine', () => {
  let network: TestNetwork;
  let source: Source;
  let events: Event[];

  beforeEach(() => {
    network = new TestNetwork();
    source = namesSource({ now });
    events = [];
  });

  afterEach(async () => {
    await source.stop();
    await network.down();
  });

  const start = () => source.start((event) => events.push(event));
  const latest = (short: string): NetnsEvent | undefined => {
    const inum = network.inum(short);
    return events.findLast((event): event is NetnsEvent => event.kind === 'netns' && event.netns === inum);
  };
  const rulesOf = (short: string, syntax: RulesEvent['syntax']): string | undefined => {
    const inum = network.inum(short);
    return events.findLast(
      (event): event is RulesEvent =>
        event.kind === 'rules' && event.netns === inum && event.syntax === syntax,
    )?.text;
  };

  /** A client, a node with a pod on its bridge, and a fabric between the two. */
  async function buildNode(): Promise<void> {
    await network.add('fabric', 'client', 'node', 'pod');
    await network.join(['client', 'eth0', '198.51.100.7/24'], ['fabric', 'cl0', '198.51.100.1/24']);
    await network.join(['node', 'eth0', '10.100.0.2/24'], ['fabric', 'p-node', '10.100.0.1/24']);
    await network.ip('node', 'route add default via 10.100.0.1');
    await network.ip('node', 'link add cbr0 type bridge');
    await network.ip('node', 'addr add 10.0.1.1/24 dev cbr0');
    await network.ip('node', 'link set cbr0 up');
    await network.join(['pod', 'eth0', '10.0.1.11/24'], ['node', 'veth1']);
    await network.ip('node', 'link set veth1 master cbr0');
  }

  it('tells node, pod and outside, with their links and the other ends of these', async () => {
    await buildNode();
    await network.exec('node', 'iptables-restore', [], fixture('iptables/node-a/iptables-save-c.txt'));
    await start();
    const [node, pod] = [latest('node'), latest('pod')];
    expect(node).toMatchObject({ role: 'node', name: network.name('node'), node: network.name('node') });
    expect(pod).toMatchObject({ role: 'pod', name: network.name('pod'), node: network.name('node') });
    expect(latest('client')).toMatchObject({ role: 'other', name: network.name('client') });
    expect(latest('fabric')).toMatchObject({ role: 'other' });
    const uplink = node?.links.find(({ name }) => name === 'eth0');
    expect(uplink).toMatchObject({ type: 'veth', peerElsewhere: true, peerNetns: network.inum('fabric') });
    const port = node?.links.find(({ name }) => name === 'veth1');
    const bridge = node?.links.find(({ name }) => name === 'cbr0');
    const end = pod?.links.find(({ name }) => name === 'eth0');
    expect(port).toMatchObject({
      peerNetns: network.inum('pod'),
      peerIfindex: end?.ifindex,
      masterIfindex: bridge?.ifindex,
    });
    expect(end).toMatchObject({ peerNetns: network.inum('node'), peerIfindex: port?.ifindex });
    expect(end?.addresses).toContain('10.0.1.11/24');
  });

  it("reads a node's rules without touching them, and again when they change", async () => {
    await network.add('node');
    await network.exec('node', 'iptables-restore', [], fixture('iptables/node-a/iptables-save-c.txt'));
    const before = await network.exec('node', 'iptables-save', ['-c']);
    await start();
    const read = rulesOf('node', 'iptables') ?? '';
    expect(read).toContain('-A KUBE-SERVICES -d 10.3.241.152/32');
    expect(read).not.toMatch(/^#|\[[1-9]/m);
    expect(withoutDates(await network.exec('node', 'iptables-save', ['-c']))).toBe(withoutDates(before));
    await network.exec('node', 'iptables', redirect('8443'));
    await until(() => (rulesOf('node', 'iptables')?.includes('--dport 8443') ? true : undefined), 10_000);
  });

  it('reads the tables of nftables as one JSON text, and no counter as a change', async () => {
    await network.add('node');
    // The dump's JSON refers to maps before it makes them; its text does not.
    const text = fixture('nftables/node-a/nft-ruleset.txt');
    const file = join(await mkdtemp(join(tmpdir(), 'nathop-')), 'rules.nft');
    await writeFile(file, text.slice(text.indexOf('table ip kube-proxy {')));
    await network.exec('node', 'nft', ['-f', file]);
    await rm(dirname(file), { recursive: true });
    await start();
    const { nftables } = JSON.parse(rulesOf('node', 'nft') ?? '') as {
      nftables: { table?: { name: string }; chain?: { name: string } }[];
    };
    expect(nftables.flatMap(({ table }) => (table ? [table.name] : []))).toContain('kube-proxy');
    expect(latest('node')?.role).toBe('node');
    const count = events.filter(({ kind }) => kind === 'rules').length;
    await network.exec('node', 'nft', ['add', 'table', 'ip', 'later']);
    await until(() => (rulesOf('node', 'nft')?.includes('later') ? true : undefined), 10_000);
    expect(events.filter(({ kind }) => kind === 'rules').length).toBe(count + 1);
  });

  it('reads legacy tables where there are any, and again when they change', async () => {
    await network.add('old');
    network.spawn('old', 'sleep', ['infinity']);
    await network.exec('old', 'iptables-legacy', redirect('80'));
    await start();
    expect(rulesOf('old', 'iptables')).toContain('--dport 80 -j REDIRECT');
    await network.exec('old', 'iptables-legacy', redirect('81'));
    await until(() => (rulesOf('old', 'iptables')?.includes('--dport 81') ? true : undefined), 10_000);
    expect(await network.exec('old', 'cat', ['/proc/net/ip_tables_names'])).toBe('nat');
  });

  it('tells of a pod that comes, and that it went', async () => {
    await buildNode();
    await network.exec('node', 'iptables-restore', [], fixture('iptables/node-a/iptables-save-c.txt'));
    await start();
    await network.add('late');
    await network.join(['late', 'eth0', '10.0.1.12/24'], ['node', 'veth2']);
    await network.ip('node', 'link set veth2 master cbr0');
    const inum = network.inum('late');
    const began = performance.now();
    await until(() => (latest('late')?.role === 'pod' ? true : undefined), 10_000);
    // Two seconds on an idle machine; this one may run other tests beside.
    expect(performance.now() - began).toBeLessThan(10_000);
    await network.remove('late');
    await until(() => events.find((event) => event.kind === 'netns-gone' && event.netns === inum), 10_000);
  });

  it('lets a namespace go whose rules it watched', async () => {
    await network.add('node');
    await network.exec('node', 'iptables', ['-A', 'INPUT', '-j', 'ACCEPT']);
    await start();
    const inum = network.inum('node');
    await network.remove('node');
    await until(() => events.find((event) => event.kind === 'netns-gone' && event.netns === inum), 10_000);
    await until(() => (childrenIn(inum).length === 0 ? true : undefined), 10_000);
  });

  it('tells who listens', async () => {
    await network.add('server');
    await network.listen('server', 'tcp', 8080);
    await network.listen('server', 'udp', 53);
    await start();
    expect(latest('server')?.listeners).toEqual(
      expect.arrayContaining([
        {
          protocol: 'tcp',
          ip: '0.0.0.0',
          port: 8080,
          process: { pid: expect.any(Number) as number, comm: 'python3' },
        },
        {
          protocol: 'udp',
          ip: '*',
          port: 53,
          process: { pid: expect.any(Number) as number, comm: 'python3' },
        },
      ]),
    );
  });

  it('makes no table, chain or conntrack entry where there was none', async () => {
    await network.add('bare');
    await start();
    expect(await network.exec('bare', 'nft', ['list', 'ruleset'])).toBe('');
    expect(await network.exec('bare', 'cat', ['/proc/net/ip_tables_names'])).toBe('');
    expect(rulesOf('bare', 'iptables')).toBeUndefined();
  });
});

const redirect = (port: string): string[] =>
  `-t nat -A PREROUTING -p tcp -m tcp --dport ${port} -j REDIRECT --to-ports 8080`.split(' ');

const withoutDates = (text: string): string => text.replace(/^#.*$/gm, '');

describe('names, stopped before they started', () => {
  it('end at once', async () => {
    const source = namesSource({ now });
    await source.stop();
    expect(await source.done).toBeUndefined();
  });
});
