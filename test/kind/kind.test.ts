/** What is known of the kind cluster without one: it agrees with the workloads, and its scenarios with both. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { CLIENT, OUTSIDE_CONF, SERVER } from '../../scripts/kind/beside.ts';
import { ADDRESSES, type Cluster } from '../../scripts/kind/cluster.ts';
import { configOf, MODES } from '../../scripts/kind/config.ts';
import { scenarios } from '../../scripts/kind/scenarios.ts';
import { LB_PORTS } from '../../scripts/lab/daemons.ts';
import { PLAIN_RULES } from '../../scripts/lab/rules.ts';
import { ANNOUNCED, CLIENT_IP, NO_SUCH_SERVICE, PLAIN } from '../../scripts/lab/topology.ts';
import { manifestsIn } from '../support/manifests.ts';

interface Spec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly ipFamilyPolicy?: string;
  readonly hostNetwork?: boolean;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
  readonly containers?: readonly {
    readonly name: string;
    readonly ports?: readonly { readonly containerPort: number; readonly hostPort?: number }[];
  }[];
}

const workloads: readonly { kind: string; name: string; spec: Spec }[] = manifestsIn(
  readFileSync(fileURLToPath(new URL('../../scripts/deploy/workloads.yaml', import.meta.url)), 'utf8'),
).map(({ kind, metadata, spec }) => ({ kind, name: metadata.name, spec: spec ?? {} }));
const pods = workloads.filter(({ kind }) => kind === 'Pod');
const services = workloads.filter(({ kind }) => kind === 'Service');

describe.each(MODES)('the configuration in %s mode', (mode) => {
  const { networking, nodes } = configOf(mode);

  it('has a node for every label that the workloads choose by', () => {
    const labels = nodes.map((node) => node.labels?.['nathop-node']);
    for (const { spec } of pods) expect(labels).toContain(spec.nodeSelector?.['nathop-node']);
    expect(networking.kubeProxyMode).toBe(mode);
  });

  it('has a network of each family, large enough for one a node, and small enough for the API', () => {
    expect(networking.ipFamily).toBe('dual');
    const [pods4, pods6] = networking.podSubnet.split(',');
    const [services4, services6] = networking.serviceSubnet.split(',');
    for (const network of [pods4, services4]) expect(ipaddr.parseCIDR(network ?? '')[0].kind()).toBe('ipv4');
    for (const network of [pods6, services6]) expect(ipaddr.parseCIDR(network ?? '')[0].kind()).toBe('ipv6');
    // A node gets a /64, and there may be 2^16 of them; of addresses of Services 2^20.
    expect(ipaddr.parseCIDR(pods6 ?? '')[1]).toBeGreaterThanOrEqual(48);
    expect(ipaddr.parseCIDR(services6 ?? '')[1]).toBeGreaterThanOrEqual(108);
  });

  it('has the addresses of the Services in its network', () => {
    expect(networking.serviceSubnet).toContain('10.3.240.0/20');
    for (const { spec } of services) expect(spec.clusterIP).toMatch(/^10\.3\.24[0-9]\.\d+$|^None$/);
  });
});

it('every LoadBalancer gets an address that is announced', () => {
  const waiting = services.filter(({ spec }) => spec.type === 'LoadBalancer').map(({ name }) => name);
  expect(Object.keys(ADDRESSES).sort()).toEqual(waiting.sort());
  expect(Object.keys(ANNOUNCED)).toEqual(expect.arrayContaining(Object.values(ADDRESSES)));
});

describe('the scenarios', () => {
  const cluster: Cluster = {
    a: { name: 'nathop-worker', ip: '172.18.0.2', ip6: 'fc00:f853:ccd:e793::2' },
    b: { name: 'nathop-worker2', ip: '172.18.0.3', ip6: 'fc00:f853:ccd:e793::3' },
    balancerIp: '172.18.0.9',
    serverIp: '172.18.0.10',
  };
  const nodePorts = [
    ...services.flatMap(({ spec }) => spec.ports?.map(({ nodePort }) => nodePort)),
    ...pods.flatMap(({ spec }) =>
      spec.containers?.flatMap(({ ports = [] }) =>
        ports.map(({ containerPort, hostPort }) => (spec.hostNetwork ? containerPort : hostPort)),
      ),
    ),
  ];
  /** Nothing is there, and that is the point. */
  const NOTHING = 80;

  it('have names of their own', () => {
    expect(new Set(scenarios.map(({ id }) => id)).size).toBe(scenarios.length);
  });

  it('are of every row of the table but the last, which is a mode', () => {
    const rows = new Set(scenarios.map(({ id }) => Number(/^s(\d+)-/.exec(id)?.[1])));
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    expect(MODES).toContain('ipvs');
  });

  it.each(scenarios)('$id is dialled from where there is one', ({ command }) => {
    const words = command(cluster);
    const [program] = words;
    if (program === 'kubectl') {
      const pod = pods.find(({ name }) => name === words[words.indexOf('exec') + 1]);
      expect(pod?.spec.containers?.map(({ name }) => name)).toContain(
        words[words.indexOf('--container') + 1],
      );
    } else {
      expect([CLIENT, SERVER, cluster.a.name]).toContain(words[2]);
    }
  });

  it.each(scenarios)('$id dials what there is', ({ command }) => {
    const words = command(cluster);
    const url = words.find((word) => /^https?:/.test(word));
    if (url === undefined) return;
    const [host, port] = connectTo(words) ?? hostAndPort(url);
    if (host === cluster.balancerIp) {
      expect(Object.values(LB_PORTS)).toContain(port);
    } else if (host === cluster.a.ip || host === cluster.b.ip) {
      expect([...nodePorts, NOTHING]).toContain(port);
    } else if (host === cluster.a.ip6) {
      expect(dual.flatMap(({ spec }) => spec.ports?.map(({ nodePort }) => nodePort))).toContain(port);
    } else if (host === CLIENT_IP) {
      expect(OUTSIDE_CONF).toContain(`listen ${String(port)};`);
    } else if (host === '127.0.0.1') {
      expect(pods.find(({ name }) => words.includes(name))?.spec.containers).toContainEqual(
        expect.objectContaining({ ports: [expect.objectContaining({ containerPort: port })] }),
      );
    } else if (host === PLAIN.dialled) {
      expect(PLAIN_RULES).toContain(`-d ${host}/32 -p tcp -m tcp --dport ${String(port)} `);
    } else if (host !== NO_SUCH_SERVICE) {
      const service = services.find(({ name, spec }) =>
        [name, spec.clusterIP, addresses[name]].includes(host),
      );
      const ports = service?.spec.ports?.map((one) => one.port) ?? [];
      expect(Object.keys(ANNOUNCED).includes(host) ? [...ports, 80] : ports).toContain(port);
      if (words.includes('--ipv6')) expect(dual).toContain(service);
    }
  });

  const dual = services.filter(({ spec }) => spec.ipFamilyPolicy === 'PreferDualStack');
  const addresses: Readonly<Record<string, string>> = ADDRESSES;

  function hostAndPort(url: string): [string, number] {
    const { protocol, hostname, port } = new URL(url);
    return [hostname.replace(/^\[|\]$/g, ''), Number(port || (protocol === 'https:' ? 443 : 80))];
  }

  /** Of `--connect-to ASKED:PORT:DIALLED:PORT`. */
  function connectTo(words: readonly string[]): [string, number] | undefined {
    const option = words.indexOf('--connect-to');
    if (option < 0) return undefined;
    const [, , host = '', port] = (words[option + 1] ?? '').split(':');
    return [host, Number(port)];
  }
});
