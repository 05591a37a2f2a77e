/** A kind cluster with the scenarios' workloads, and what stands beside it. Nothing of the host itself is changed. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeConfiguration } from '../deploy/configuration.ts';
import { LabError, run } from '../lab/run.ts';
import { ANNOUNCED, CLIENT_IP, CLIENT_IP6, NODE_A } from '../lab/topology.ts';
import { BALANCER, removeBeside, SERVER, startBeside } from './beside.ts';
import { CLUSTER, configOf, type Mode } from './config.ts';
import { addressesOf, runIn, type Addresses } from './docker.ts';

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
interface Worker extends Addresses {
  /** The container. */
  readonly name: string;
}

export interface Cluster {
  readonly a: Worker;
  readonly b: Worker;
  readonly balancerIp: string;
  readonly serverIp: string;
}

export async function up(mode: Mode, say: (text: string) => void): Promise<void> {
  await requirePrograms();
  say(`making the cluster ${CLUSTER}: a control plane and two workers, kube-proxy in ${mode} mode`);
  await mkdir(WORK, { recursive: true });
  await run('kind', ['create', 'cluster', '--config', '-', '--kubeconfig', KUBECONFIG, '--wait', '3m'], {
    input: JSON.stringify(configOf(mode)),
  });
  say('deploying what the scenarios dial');
  const manifests = [await writeConfiguration(WORK), join(DEPLOY, 'workloads.yaml')];
  await kubectl(['apply', ...manifests.flatMap((manifest) => ['--filename', manifest])]);
  await Promise.all(Object.entries(ADDRESSES).map(giveAddress));
  const { a, b } = await workers();
  await announceAll(a, b);
  say('starting what stands beside it');
  await startBeside(WORK, a, b);
  // One of the Pods is not ready, and never is.
  await kubectl(['wait', '--for=condition=Ready', '--timeout=5m', 'pod', '--selector=app!=broken']);
}

export async function down(): Promise<void> {
  await removeBeside();
  await run('kind', ['delete', 'cluster', '--name', CLUSTER, '--kubeconfig', KUBECONFIG]);
  await rm(WORK, { recursive: true, force: true });
}

/** The one that stands. */
export async function find(): Promise<Cluster> {
  const clusters = (await run('kind', ['get', 'clusters'])).split('\n');
  if (!clusters.includes(CLUSTER)) {
    throw new LabError(`there is no kind cluster ${CLUSTER}`, 'Make it: npx tsx scripts/kind/main.ts up');
  }
  const [balancer, server] = [await addressesOf(BALANCER), await addressesOf(SERVER)];
  return { ...(await workers()), balancerIp: balancer.ip, serverIp: server.ip };
}

async function requirePrograms(): Promise<void> {
  for (const [program, ...args] of [
    ['docker', 'version'],
    ['kind', 'version'],
    ['kubectl', 'version', '--client'],
    ['openssl', 'version'],
  ] as const) {
    await run(program, args).catch((error: unknown) => {
      const said = error instanceof Error ? error.message : String(error);
      throw new LabError(
        said,
        'This takes docker, kind, kubectl and openssl, and a user who may use docker.',
      );
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
    const name = await kubectl([
      ...['get', 'nodes', '--selector', `nathop-node=${label}`],
      ...['--output', 'jsonpath={.items[*].metadata.name}'],
    ]);
    return { name, ...(await addressesOf(name)) };
  };
  return { a: await worker('a'), b: await worker('b') };
}

/** As the lab's nodes do, each its own; and the client is on the wire. */
async function announceAll(a: Worker, b: Worker): Promise<void> {
  const script = await readFile(join(DEPLOY, 'announce.sh'), 'utf8');
  for (const [ip, node] of Object.entries(ANNOUNCED))
    await runIn((node === NODE_A ? a : b).name, ['sh', '-s', ip, 'eth0'], script);
  for (const { name } of [a, b]) {
    for (const client of [`${CLIENT_IP}/32`, `${CLIENT_IP6}/128`])
      await runIn(name, ['ip', 'route', 'replace', client, 'dev', 'eth0']);
  }
}
