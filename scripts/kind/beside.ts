/**
 * What stands beside the cluster, on the wire that its nodes share: a client with addresses outside of the nodes'
 * network, HAProxy as load balancer, and the plain pair of iptables rules, a router and the server behind it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBalancer } from '../lab/daemons.ts';
import { PLAIN_RULES } from '../lab/rules.ts';
import { ANNOUNCED, CLIENT_IP, CLIENT_IP6, OUTSIDE_PORT, PLAIN } from '../lab/topology.ts';
import { CLUSTER } from './config.ts';
import { addressesOf, remove, runIn, start, type Addresses } from './docker.ts';

export const CLIENT = `${CLUSTER}-client`;
export const BALANCER = `${CLUSTER}-lb`;
export const ROUTER = `${CLUSTER}-router`;
export const SERVER = `${CLUSTER}-server`;
const IMAGES = {
  client: 'nginx:1.29-alpine',
  // With socat, which its Alpine images have since 2025.
  haproxy: 'haproxy:3.2.21-alpine',
  router: 'nicolaka/netshoot:v0.13',
};
const MAY_ROUTE = ['--cap-add', 'NET_ADMIN'];

/** Says who asks, as the lab's host outside does. */
export const OUTSIDE_CONF = `server {
  listen ${OUTSIDE_PORT};
  default_type text/plain;
  return 200 "client saw $remote_addr:$remote_port\\n";
}
`;

/** The same of the plain pair's server. It shares the port, so that it may be dialled from; what is for 53 it drops. */
export const SERVER_CFG = `defaults
  timeout connect 2s
  timeout client 10s
  timeout server 10s
listen plain
  bind :${PLAIN.port}
  mode http
  http-request return status 200 content-type text/plain lf-string "server saw %[src]:%[src_port]\\n"
log-forward silence
  dgram-bind :53
`;

/** @param folder where the configurations stand for as long as the containers do */
export async function startBeside(folder: string, a: Addresses, b: Addresses): Promise<void> {
  const mounted = async (file: string, text: string, path: string): Promise<string[]> => {
    await writeFile(join(folder, file), text);
    return ['--volume', `${join(folder, file)}:${path}:ro`];
  };
  const haproxy = (text: string, file: string): Promise<string[]> =>
    mounted(file, text, '/usr/local/etc/haproxy/haproxy.cfg');
  await start({
    name: BALANCER,
    image: IMAGES.haproxy,
    options: await haproxy(loadBalancer(BALANCER, a.ip, b.ip).files['haproxy.cfg'] ?? '', 'lb.cfg'),
  });
  await start({
    name: SERVER,
    image: IMAGES.haproxy,
    options: [...MAY_ROUTE, ...(await haproxy(SERVER_CFG, 'server.cfg'))],
  });
  await start({
    name: ROUTER,
    image: IMAGES.router,
    options: ['--init', ...MAY_ROUTE, '--sysctl', 'net.ipv4.ip_forward=1'],
    command: ['sleep', 'infinity'],
  });
  await start({
    name: CLIENT,
    image: IMAGES.client,
    options: [
      ...MAY_ROUTE,
      ...(await mounted('outside.conf', OUTSIDE_CONF, '/etc/nginx/conf.d/default.conf')),
    ],
  });
  const ways = waysBeside({
    ...{ a: a.ip, b: b.ip, client: (await addressesOf(CLIENT)).ip },
    ...{ router: (await addressesOf(ROUTER)).ip, server: (await addressesOf(SERVER)).ip },
  });
  for (const { at, command, input } of ways) await runIn(at, command, input);
}

export const removeBeside = (): Promise<void> => remove([CLIENT, BALANCER, ROUTER, SERVER]);

/** A command in a container, with its standard input. */
export interface Way {
  readonly at: string;
  readonly command: readonly [string, ...string[]];
  readonly input?: string;
}

/**
 * What makes the ways between them. The client reaches by the wire all that is announced. Addresses of the plain pair
 * are nobody's whom one could ask for by ARP: a node has Pods by the router's, and would answer.
 */
export function waysBeside(
  docker: Readonly<Record<'a' | 'b' | 'client' | 'router' | 'server', string>>,
): Way[] {
  const address = (at: string, ip: string): Way => ip_(at, 'address', 'add', ip, 'dev', 'eth0');
  const route = (at: string, to: string, ...by: string[]): Way => ip_(at, 'route', 'replace', to, ...by);
  return [
    address(CLIENT, `${CLIENT_IP}/32`),
    address(CLIENT, `${CLIENT_IP6}/128`),
    ...[docker.a, docker.b, ...Object.keys(ANNOUNCED)].map((ip) =>
      route(CLIENT, `${ip}/32`, 'dev', 'eth0', 'src', CLIENT_IP),
    ),
    route(CLIENT, `${PLAIN.dialled}/32`, 'via', docker.router, 'src', CLIENT_IP),
    route(CLIENT, `${PLAIN.router}/32`, 'via', docker.router, 'src', CLIENT_IP),
    route(ROUTER, `${CLIENT_IP}/32`, 'via', docker.client),
    route(ROUTER, `${PLAIN.server}/32`, 'via', docker.server),
    { at: ROUTER, command: ['iptables-restore', '--noflush'], input: PLAIN_RULES },
    address(SERVER, `${PLAIN.server}/32`),
    route(SERVER, `${CLIENT_IP}/32`, 'via', docker.router, 'src', PLAIN.server),
  ];
}

const ip_ = (at: string, ...args: string[]): Way => ({ at, command: ['ip', ...args] });
