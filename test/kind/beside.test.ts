/** What stands beside the cluster, in namespaces on one wire as docker would have it. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  BALANCER,
  CLIENT,
  OUTSIDE_CONF,
  ROUTER,
  SERVER,
  SERVER_CFG,
  waysBeside,
} from '../../scripts/kind/beside.ts';
import type { Cluster } from '../../scripts/kind/cluster.ts';
import { scenarios } from '../../scripts/kind/scenarios.ts';
import { loadBalancer } from '../../scripts/lab/daemons.ts';
import { ANNOUNCED, CLIENT_IP, CLIENT_IP6, OUTSIDE_PORT, PLAIN } from '../../scripts/lab/topology.ts';
import { judgedBy, live } from '../support/live.ts';
import { TestNetwork } from '../support/network.ts';

const DOCKER = {
  ...{ client: '172.18.0.7', router: '172.18.0.8', server: '172.18.0.10' },
  ...{ a: '172.18.0.2', b: '172.18.0.3' },
} as const;
const CONFIGURATIONS = [
  ['the load balancer', loadBalancer(BALANCER, DOCKER.a, DOCKER.b).files['haproxy.cfg'] ?? ''],
  ["the plain pair's server", SERVER_CFG],
] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-kind-'));
  // HAProxy is not root, and reads its configuration there.
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

judgedBy('haproxy')("HAProxy's configurations", () => {
  it.each(CONFIGURATIONS)('of %s is valid', async (_, text) => {
    const { stdout } = await execa('haproxy', ['-c', '-f', file('checked.cfg', text)]);
    expect(stdout).toContain('Configuration file is valid');
  });
});

live('needs root for network namespaces')('the containers', () => {
  const network = new TestNetwork();
  const shorts = { client: CLIENT, router: ROUTER, server: SERVER, a: 'node-a', b: 'node-b' };

  beforeAll(async () => {
    await network.add('wire', ...Object.values(shorts));
    await network.ip('wire', 'link add br0 type bridge');
    await network.ip('wire', 'link set br0 up');
    for (const [index, [key, short]] of Object.entries(shorts).entries()) {
      const port = `p${String(index)}`;
      await network.join([short, 'eth0', `${DOCKER[key as keyof typeof DOCKER]}/16`], ['wire', port]);
      await network.ip('wire', `link set ${port} master br0`);
    }
    // Of docker's own doing: the router is told to be one, and nobody needs to be root for a low port.
    await network.exec(ROUTER, 'sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
    await network.exec(SERVER, 'sysctl', ['-q', '-w', 'net.ipv4.ip_unprivileged_port_start=0']);
    for (const { at, command, input } of waysBeside(DOCKER)) {
      // All but the router are Alpine's, whose `ip` is busybox's.
      const [program, ...args] = at === ROUTER ? command : (['busybox', ...command] as const);
      await network.exec(at, program, args, input);
    }
    await network.ip('node-a', `addr add ${ANNOUNCED_BY_A}/32 dev eth0`);
    network.spawn(SERVER, 'setpriv', [
      ...['--reuid=99', '--regid=99', '--clear-groups', '--'],
      ...['haproxy', '-W', '-db', '-f', file('server.cfg', SERVER_CFG)],
    ]);
    const nginx = `daemon off; pid ${folder}/pid; events {} http { access_log off;\n${OUTSIDE_CONF}}`;
    network.spawn(CLIENT, 'nginx', ['-e', join(folder, 'error.log'), '-c', file('nginx.conf', nginx)]);
    await network.listening(SERVER, PLAIN.port);
    await network.listening(CLIENT, OUTSIDE_PORT);
  });
  afterAll(() => network.down());

  const ANNOUNCED_BY_A = Object.keys(ANNOUNCED)[0] ?? '';
  const cluster: Cluster = {
    a: { name: 'node-a', ip: DOCKER.a, ip6: '::' },
    b: { name: 'node-b', ip: DOCKER.b, ip6: '::' },
    balancerIp: '',
    serverIp: DOCKER.server,
  };
  /** What `docker exec CONTAINER …` of a scenario runs, in the namespace that stands for the container. */
  async function dial(id: string): Promise<string> {
    const words = scenarios.find((one) => one.id === id)?.command(cluster) ?? [];
    const [, , container = '', program = '', ...args] = words;
    return execAs99(container, program, args);
  }
  /** As the image of HAProxy has it, whose port is shared with its own user alone. */
  const execAs99 = (short: string, program: string, args: readonly string[]): Promise<string> =>
    network.exec(short, 'setpriv', [
      ...['--reuid=99', '--regid=99', '--clear-groups', '--', program],
      ...args,
    ]);

  it('the plain pair: the server sees the client', async () => {
    expect(await dial('s4-plain-dnat')).toBe(`server saw ${CLIENT_IP}:${await portAtRouter()}`);
  });

  it('the plain pair: the client sees the router where the server dials', async () => {
    expect(await dial('s4-plain-snat')).toContain(`client saw ${PLAIN.router}:${String(PLAIN.port)}`);
  });

  it('what is announced is reached from the address of the client', async () => {
    for (const ip of [DOCKER.a, ANNOUNCED_BY_A]) {
      expect(await network.exec(CLIENT, 'ip', ['route', 'get', ip])).toMatch(
        new RegExp(`^${ip} dev eth0 src ${CLIENT_IP} `),
      );
    }
    expect(await network.exec(CLIENT, 'ip', ['-o', 'address', 'show', 'to', CLIENT_IP6])).not.toBe('');
  });

  it('the resolver that says nothing says nothing, and is there', async () => {
    const ask = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5); s.connect(("${DOCKER.server}", 53)); s.send(b"?")
try: s.recv(9)
except TimeoutError: print("silent")`;
    expect(await network.exec('node-a', 'python3', ['-c', ask])).toBe('silent');
  });

  /** Of the connection that the router translated. */
  async function portAtRouter(): Promise<string> {
    const entries = await network.exec(ROUTER, 'conntrack', ['-L', '-p', 'tcp', '--orig-dst', PLAIN.dialled]);
    return /sport=(\d+)/.exec(entries)?.[1] ?? '';
  }
});
