/**
 * A kind cluster with the scenarios' workloads; beside it, on the wire that its nodes share, a client and a load
 * balancer, containers as they are. Nothing of the host itself is changed.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBalancer } from '../lab/daemons.ts';
import { LabError, run } from '../lab/run.ts';
import { ANNOUNCED, CLIENT_IP, NODE_A } from '../lab/topology.ts';
import { CLUSTER, configOf, type Mode } from './config.ts';

export const CLIENT = `${CLUSTER}-client`;
export const BALANCER = `${CLUSTER}-lb`;
const NETWORK = 'kind';
const IMAGES = { client: 'nginx:1.29-alpine', balancer: 'haproxy:3.2-alpine' };
/** Services that wait for an address from outside, and which they get. */
export const ADDRESSES = {
  'ingress-nginx': '203.0.113.10',
  'ingress-nginx-local': '203.0.113.11',
  'service-test-ranges': '203.0.113.12',
} as const;
const WORK = fileURLToPath(new URL('../../.cache/kind', import.meta.url));
/** The user's own stays as it is. */
export const KUBECONFIG = join(WORK, 'kubeconfig');
const DEPLOY = fileURLToPath(new URL('../deploy', import.meta.url));

/** A worker and the lab's node that it stands for. */
interface Worker {
  /** The container. */
  readonly name: string;
  readonly ip: string;
}

export interface Cluster {
  readonly a: Worker;
  readonly b: Worker;
  readonly balancerIp: string;
}

export async function up(mode: Mode, say: (text: string) => void): Promise<void> {
  await requirePrograms();
  say(`making the cluster ${CLUSTER}: a control plane and two workers, kube-proxy in ${mode} mode`);
  await mkdir(WORK, { recursive: true });
  await run('kind', ['create', 'cluster', '--config', '-', '--kubeconfig', KUBECONFIG, '--wait', '3m'], {
    input: JSON.stringify(configOf(mode)),
  });
  say('deploying what the scenarios dial');
  await kubectl(['apply', '--filename', join(DEPLOY, 'workloads.yaml')]);
  await Promise.all(Object.entries(ADDRESSES).map(giveAddress));
  const { a, b } = await workers();
  await announceAll({ a, b });
  await startBalancer({ a, b });
  await startClient({ a, b });
  // One of the Pods is not ready, and never is.
  await kubectl(['wait', '--for=condition=Ready', '--timeout=3m', 'pod', '--selector=app!=broken']);
}

export async function down(): Promise<void> {
  await run('docker', ['rm', '--force', CLIENT, BALANCER]);
  await run('kind', ['delete', 'cluster', '--name', CLUSTER, '--kubeconfig', KUBECONFIG]);
  await rm(WORK, { recursive: true, force: true });
}

/** The one that stands. */
export async function find(): Promise<Cluster> {
  const clusters = (await run('kind', ['get', 'clusters'])).split('\n');
  if (!clusters.includes(CLUSTER)) {
    throw new LabError(`there is no kind cluster ${CLUSTER}`, 'Make it: npx tsx scripts/kind/main.ts up');
  }
  return { ...(await workers()), balancerIp: await addressOf(BALANCER) };
}

async function requirePrograms(): Promise<void> {
  for (const [program, ...args] of [
    ['docker', 'version'],
    ['kind', 'version'],
    ['kubectl', 'version', '--client'],
  ] as const) {
    await run(program, args).catch((error: unknown) => {
      const said = error instanceof Error ? error.message : String(error);
      throw new LabError(said, 'This takes docker, kind and kubectl, and a user who may use docker.');
    });
  }
}

const kubectl = (args: readonly string[]): Promise<string> =>
  run('kubectl', ['--kubeconfig', KUBECONFIG, ...args]);

/** What a cloud, or MetalLB, would write into the Service. */
async function giveAddress([service, ip]: readonly [string, string]): Promise<void> {
  const status = { loadBalancer: { ingress: [{ ip }] } };
  await kubectl([
    ...['patch', 'service', service, '--subresource=status', '--type=merge'],
    ...['--patch', JSON.stringify({ status })],
  ]);
}

async function workers(): Promise<{ a: Worker; b: Worker }> {
  const worker = async (label: string): Promise<Worker> => {
    const names = await kubectl([
      ...['get', 'nodes', '--selector', `nathop-node=${label}`],
      ...['--output', 'jsonpath={.items[*].metadata.name}'],
    ]);
    return { name: names, ip: await addressOf(names) };
  };
  return { a: await worker('a'), b: await worker('b') };
}

const addressOf = (container: string): Promise<string> =>
  run('docker', [
    ...['inspect', '--format', `{{ (index .NetworkSettings.Networks "${NETWORK}").IPAddress }}`, container],
  ]);

type Workers = Pick<Cluster, 'a' | 'b'>;

/** As the lab's nodes do, each its own; and the client is on the wire. */
async function announceAll(workers: Workers): Promise<void> {
  const script = await readFile(join(DEPLOY, 'announce.sh'), 'utf8');
  for (const [ip, node] of Object.entries(ANNOUNCED)) {
    const { name } = node === NODE_A ? workers.a : workers.b;
    await run('docker', ['exec', '--interactive', name, 'sh', '-s', ip, 'eth0'], { input: script });
  }
  for (const { name } of Object.values(workers))
    await run('docker', ['exec', name, 'ip', 'route', 'replace', `${CLIENT_IP}/32`, 'dev', 'eth0']);
}

/** HAProxy with the lab's configuration. */
async function startBalancer({ a, b }: Workers): Promise<void> {
  const { files } = loadBalancer(BALANCER, a.ip, b.ip);
  const path = join(WORK, 'haproxy.cfg');
  await writeFile(path, files['haproxy.cfg'] ?? '');
  await run('docker', [
    ...['run', '--detach', '--name', BALANCER, '--network', NETWORK],
    ...['--volume', `${path}:/usr/local/etc/haproxy/haproxy.cfg:ro`, IMAGES.balancer],
  ]);
}

/** With an address outside of the nodes' network, to which all that is announced is on the wire. */
async function startClient({ a, b }: Workers): Promise<void> {
  await run('docker', [
    ...['run', '--detach', '--init', '--name', CLIENT, '--network', NETWORK, '--cap-add', 'NET_ADMIN'],
    ...[IMAGES.client, 'sleep', 'infinity'],
  ]);
  const onWire = [`${a.ip}/32`, `${b.ip}/32`, ...Object.keys(ANNOUNCED).map((ip) => `${ip}/32`)];
  await inClient(['ip', 'address', 'add', `${CLIENT_IP}/32`, 'dev', 'eth0']);
  for (const network of onWire)
    await inClient(['ip', 'route', 'replace', network, 'dev', 'eth0', 'src', CLIENT_IP]);
}

const inClient = (command: readonly string[]): Promise<string> => run('docker', ['exec', CLIENT, ...command]);
