/** What is known of the kind cluster without one: it agrees with the workloads, and its scenarios with both. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ADDRESSES, type Cluster } from '../../scripts/kind/cluster.ts';
import { configOf, MODES } from '../../scripts/kind/config.ts';
import { scenarios } from '../../scripts/kind/scenarios.ts';
import { LB_PORTS } from '../../scripts/lab/daemons.ts';
import { ANNOUNCED } from '../../scripts/lab/topology.ts';
import { manifestsIn } from '../support/manifests.ts';

interface Spec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly hostNetwork?: boolean;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
  readonly containers?: readonly {
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

  it('has the addresses of the Services in its network', () => {
    expect(networking.serviceSubnet).toBe('10.3.240.0/20');
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
    a: { name: 'a', ip: '172.18.0.2' },
    b: { name: 'b', ip: '172.18.0.3' },
    balancerIp: '172.18.0.9',
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

  it.each(scenarios)('$id dials what there is, from where there is one', ({ command }) => {
    const words = command(cluster);
    const pod = words[words.indexOf('exec') + 1];
    if (words[0] === 'kubectl') expect(pods.map(({ name }) => name)).toContain(pod);
    const dialled = words.find((word) => word.startsWith('http://'));
    if (dialled === undefined) return;
    const { hostname, port } = new URL(dialled);
    if (hostname === cluster.balancerIp) {
      expect(Object.values(LB_PORTS)).toContain(Number(port || 80));
    } else if (hostname === cluster.a.ip || hostname === cluster.b.ip) {
      expect([...nodePorts, NOTHING]).toContain(Number(port || 80));
    } else {
      expect([...Object.keys(ANNOUNCED), ...services.map(({ name }) => name)]).toContain(hostname);
    }
  });
});
