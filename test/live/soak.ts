/** Ordinary traffic on real packets, traced: a client and a server in two pods of the lab, on two nodes. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { startTestLab } from '../support/lab.ts';
import type { Label } from '../../scripts/lab/labels.ts';
import { DNS, TEST } from '../../scripts/lab/scenarios/kube.ts';
import { CLIENT_IP, NODE_A, topology, type Identity } from '../../scripts/lab/topology.ts';
import type { Request } from '../../src/trace/request.ts';
import { Nathop, type Ended } from '../support/nathop.ts';

const PEER = fileURLToPath(new URL('../../scripts/lab/peer/ordinary.py', import.meta.url));
const POD = '10.0.2.99';
/** Ports that its scan finds closed. */
const SCANNED = 30;
/** What is silent is told so after 5 s. */
const SILENCE_MS = 6_500;

export interface Soak {
  /** How often each pattern was played. */
  readonly played: Readonly<Record<string, number>>;
  /** The last word on each request. */
  readonly requests: readonly Request[];
  readonly ended: Ended;
  readonly recording: string;
  /** The caller's to remove. */
  readonly folder: string;
}

export async function soak({ mode, prefix }: Identity, seconds: number): Promise<Soak> {
  const lab = await startTestLab({ mode, prefix });
  const children: ReturnType<typeof peer>[] = [];
  const namespaces = topology(mode).namespaces.map(({ name }) => prefix + name);
  const nathop = new Nathop((folder) => [
    ...['record', join(folder, 'soak.nathop'), '-o', 'json', '--netns', namespaces.join(',')],
  ]);
  try {
    const server = peer(`${prefix}toolbox-b`, ['serve']);
    const outside = peer(`${prefix}client`, ['serve']);
    children.push(server, outside);
    await Promise.all([server, outside].map(firstLine));
    const plan = {
      pod: POD,
      service: [TEST.ip, TEST.port],
      node: NODE_A.ip,
      outside: CLIENT_IP,
      resolver: DNS.ip,
      name: 'service-test.default.svc.cluster.local',
    };
    const client = peer(
      `${prefix}toolbox-a`,
      ['dial', String(seconds), nathop.readyFile],
      JSON.stringify(plan),
    );
    children.push(client);
    const [told] = await Promise.all([firstLine(client), nathop.ready()]);
    const played = JSON.parse(told) as Record<string, number>;
    await sleep(SILENCE_MS);
    const ended = await nathop.end();
    const last = new Map<string, Request>();
    for (const line of ended.stdout.split('\n').filter((one) => one !== '')) {
      const request = JSON.parse(line) as Request;
      last.set(request.id, request);
    }
    const { folder } = nathop;
    return { played, requests: [...last.values()], ended, folder, recording: join(folder, 'soak.nathop') };
  } catch (error) {
    await nathop.remove();
    throw error;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children);
    await lab.down();
  }
}

export const isOfScan = ({ protocol, dialled }: Request): boolean =>
  protocol === 'tcp' && dialled.ip === NODE_A.ip && (dialled.port ?? 0) <= SCANNED;

/** All else went well. */
export const labelsOfSoak = (requests: readonly Request[]): Label[] =>
  requests.filter(isOfScan).map(({ client, dialled }) => ({
    scenario: 'port-scan',
    protocol: 'tcp',
    client: `${client.ip}:${client.port ?? 0}`,
    dialled: `${dialled.ip}:${dialled.port ?? 0}`,
    failure: 'refused',
  }));

/** Ends with us, however we end. */
const peer = (netns: string, args: readonly string[], input = '') =>
  execa(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'nsenter',
      `--net=/run/netns/${netns}`,
      '/usr/bin/python3',
      '-ESB',
      PEER,
      ...args,
    ],
    { input, reject: false, buffer: false, stderr: 'inherit' },
  );

async function firstLine(child: ReturnType<typeof peer>): Promise<string> {
  child.stdout.setEncoding('utf8');
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  const [line = ''] = text.split('\n');
  if (line === '') {
    const { exitCode, signal } = await child;
    throw new Error(`the peer ended without a word: ${String(exitCode ?? signal)}`);
  }
  return line;
}
