/**
 * The real servers of the lab and their configuration: nginx as the ingress, HAProxy as the load balancer outside
 * and as a pod's sidecar, dnsmasq as the cluster's resolver. The workloads of a real cluster (scripts/deploy,
 * scripts/kind) have the first three as they are here.
 *
 * Each proxy that speaks HTTP says in a `Lab-Saw` line of the answer what source address it saw, as the lab's
 * own servers say it in theirs. A header of the answer changes nothing of what is traced of the request.
 */
import type { Daemon } from './network.ts';

/** Where the sidecar takes what leaves its pod, and what comes to it: Istio's ports and user. */
export const SIDECAR = { outbound: 15001, inbound: 15006, uid: 1337 } as const;
/** HAProxy's listeners: what each sends, and to what. */
export const LB_PORTS = { v2: 80, v2ToNodeB: 81, v1: 82, v1Unwanted: 83, v2Unwanted: 84, http: 85 } as const;
export const INGRESS_PORTS = { http: 80, https: 443, proxyProtocol: 8081 } as const;

/** What the ingress routes, by name and path. The name decides which headers it writes. */
export const HOSTS = {
  /** Adds to what the request already carries. */
  shop: 'shop.example.com',
  /** Believes what it carries. */
  trusting: 'trusting.example.com',
  /** Writes `Forwarded` (RFC 7239) and nothing else. */
  standard: 'standard.example.com',
} as const;

/** Addresses, or names, which are looked up when a request comes. */
export interface Backends {
  /** The Service of /a. */
  readonly a: string;
  /** Endpoint of the Service of /b, dialled without the Service; by its address over connections that are kept. */
  readonly b: string;
  /** Nothing listens there. */
  readonly down: string;
  /** Nobody is there. */
  readonly gone: string;
  /** Does not resolve, and the resolver says so. */
  readonly unresolved: string;
  readonly resolver: string;
}

export const ingress = (name: string, backends: Backends): Daemon => ({
  name,
  program: 'nginx',
  files: { 'nginx.conf': ingressConf(name, backends, '/tmp') },
  commands: [makeCertificate('/tmp'), ['nginx', '-c', '/tmp/nginx.conf', '-e', '/tmp/error.log']],
});

/** The ingress's, signed by itself: `tls.crt` and `tls.key` in a folder. */
export const makeCertificate = (folder: string): readonly ['openssl', ...string[]] => [
  'openssl',
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
  ...['-days', '30', '-subj', `/CN=${HOSTS.shop}`, '-addext', `subjectAltName=DNS:${HOSTS.shop}`],
  ...['-keyout', `${folder}/tls.key`, '-out', `${folder}/tls.crt`],
];

export const loadBalancer = (name: string, nodeA: string, nodeB: string): Daemon =>
  haproxy(name, [
    'defaults',
    ...timeouts,
    ...passOn(LB_PORTS.v2, `${nodeA}:30081 send-proxy-v2`),
    ...passOn(LB_PORTS.v2ToNodeB, `${nodeB}:30081 send-proxy-v2`),
    ...passOn(LB_PORTS.v1, `${nodeA}:30081 send-proxy`),
    ...passOn(LB_PORTS.v1Unwanted, `${nodeA}:30080 send-proxy`),
    ...passOn(LB_PORTS.v2Unwanted, `${nodeA}:30080 send-proxy-v2`),
    'listen http',
    `  bind :${LB_PORTS.http}`,
    '  mode http',
    '  option httpclose',
    '  option forwardfor',
    ...requestId,
    saw(name),
    `  server node-a ${nodeA}:30080`,
  ]);

/** `server *`: on to where the connection went before REDIRECT, which HAProxy asks the kernel (SO_ORIGINAL_DST). */
export const sidecar = (name: string): Daemon =>
  haproxy(name, [
    'global',
    `  uid ${SIDECAR.uid}`,
    `  gid ${SIDECAR.uid}`,
    'defaults',
    ...timeouts,
    '  mode http',
    '  option httpclose',
    'listen outbound',
    `  bind :${SIDECAR.outbound}`,
    ...requestId,
    saw(name),
    '  server original *',
    'listen inbound',
    `  bind :${SIDECAR.inbound}`,
    '  option forwardfor',
    saw(name),
    // From an address of its own, so that the pod's rules know it from the others.
    '  server app * source 127.0.0.6',
  ]);

/** Its log says who asked from where: the only word that a resolver has for it. */
export const resolver = (name: string, zone: Readonly<Record<string, readonly string[]>>): Daemon => ({
  name,
  program: 'dnsmasq',
  files: {
    'dnsmasq.conf': lines([
      'no-resolv',
      'no-hosts',
      'user=root',
      'pid-file=/tmp/pid',
      'log-queries=extra',
      'log-facility=/tmp/queries.log',
      'local-ttl=30',
      // What is not known here is known nowhere.
      'local=/#/',
      ...Object.entries(zone).map(([host, ips]) => `host-record=${[host, ...ips].join(',')}`),
    ]),
  },
  commands: [['dnsmasq', '-C', '/tmp/dnsmasq.conf']],
});

const haproxy = (name: string, config: readonly string[]): Daemon => ({
  name,
  program: 'haproxy',
  files: { 'haproxy.cfg': lines(config) },
  commands: [['haproxy', '-D', '-f', '/tmp/haproxy.cfg']],
});

const lines = (all: readonly string[]): string => `${all.join('\n')}\n`;

const timeouts = ['  timeout connect 2s', '  timeout client 10s', '  timeout server 10s'];

const passOn = (port: number, server: string): string[] => [
  `listen tcp-${port}`,
  `  bind :${port}`,
  '  mode tcp',
  `  server node ${server}`,
];

const requestId = [
  '  http-request set-header X-Request-Id %[uuid()] unless { req.hdr(X-Request-Id) -m found }',
];
const saw = (name: string): string => `  http-response add-header Lab-Saw "${name} %[src] %[src_port]"`;

/**
 * nginx.conf
 *
 * @param certificates the folder of the ingress's
 */
export function ingressConf(name: string, backends: Backends, certificates: string): string {
  const { a, b, down, gone, unresolved, resolver } = backends;
  const routes = [
    `location = /a/pings { ${proxyPass(a, '/ping')} }`,
    hasName(b)
      ? `location = /b/pings { ${proxyPass(b, '/ping')} }`
      : 'location = /b/pings { set $keep_or_close ""; proxy_pass http://b-service/ping; }',
    `location = /login { ${proxyPass(a, '/status/401')} }`,
    `location = /missing { ${proxyPass(a, '/status/404')} }`,
    `location = /down { ${proxyPass(down)} }`,
    `location = /gone { proxy_connect_timeout 1s; ${proxyPass(gone)} }`,
    `location = /products { ${proxyPass(unresolved, '/ping')} }`,
    'location / { return 404; }',
  ];
  const common = [
    'proxy_set_header Host $host',
    'proxy_set_header X-Request-Id $asked_or_new_id',
    'proxy_http_version 1.1',
    'set $keep_or_close close',
    'proxy_set_header Connection $keep_or_close',
  ];
  const listens = [`listen ${INGRESS_PORTS.http}`, `listen ${INGRESS_PORTS.https} ssl`];
  const server = (serverName: string, directives: readonly string[]): string[] => [
    'server {',
    ...[`server_name ${serverName}`, ...common, ...directives].map((text) => `${text};`),
    ...routes,
    '}',
  ];
  const adding = [
    'proxy_set_header X-Real-IP $remote_addr',
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for',
  ];
  return lines([
    'user root;',
    'worker_processes 1;',
    'pid /tmp/nginx.pid;',
    'error_log /tmp/error.log;',
    'events { worker_connections 256; }',
    'http {',
    'access_log off;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path /tmp/${kind};`),
    `ssl_certificate ${certificates}/tls.crt;`,
    `ssl_certificate_key ${certificates}/tls.key;`,
    `resolver ${resolver} ipv6=off valid=1s;`,
    'map $http_x_request_id $asked_or_new_id { "" $request_id; default $http_x_request_id; }',
    `add_header Lab-Saw "${name} $realip_remote_addr $realip_remote_port" always;`,
    'add_header Lab-Proxy-Protocol $proxy_protocol_addr always;',
    // Kept for as long as a scenario takes, and no longer than its request is waited for.
    ...(hasName(b) ? [] : [`upstream b-service { server ${b}; keepalive 4; keepalive_timeout 2s; }`]),
    // Whoever asks for the address itself is answered here.
    'server {',
    `listen ${INGRESS_PORTS.http} default_server;`,
    `listen ${INGRESS_PORTS.https} ssl default_server;`,
    'location = /ping {',
    'default_type application/json;',
    `return 200 '{"server":"${name}","peer":{"ip":"$remote_addr","port":$remote_port}}\\n';`,
    '}',
    'location / { return 404; }',
    '}',
    ...server(HOSTS.shop, [...listens, ...adding]),
    ...server(HOSTS.trusting, [
      ...listens,
      'set_real_ip_from 0.0.0.0/0',
      'real_ip_header X-Forwarded-For',
      'proxy_set_header X-Real-IP $remote_addr',
      'proxy_set_header X-Forwarded-For $remote_addr',
    ]),
    ...server(HOSTS.standard, [
      ...listens,
      'proxy_set_header Forwarded "for=$remote_addr;host=$host;proto=$scheme"',
    ]),
    ...server(HOSTS.shop, [
      `listen ${INGRESS_PORTS.proxyProtocol} proxy_protocol`,
      'set_real_ip_from 0.0.0.0/0',
      'real_ip_header proxy_protocol',
      ...adding,
    ]),
    '}',
  ]);
}

const hasName = (backend: string): boolean => /[a-z]/.test(backend);

/** Without a variable a name is looked up once, when nginx starts, which it does not where there is none. */
const proxyPass = (backend: string, path = ''): string =>
  hasName(backend)
    ? `set $upstream ${backend}; proxy_pass http://$upstream${path};`
    : `proxy_pass http://${backend}${path};`;
