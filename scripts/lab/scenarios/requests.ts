/** S9 to S12 and S20: requests through the ingress, and through what stands before it. */
import type { Carrier, JointEvidence } from '../../../src/trace/request.ts';
import { HOSTS, LB_PORTS } from '../daemons.ts';
import { ALLOWED_CLIENT_IP, CLIENT_IP, LB_IP, NO_SUCH_SERVICE, NODE_A, NODE_B } from '../topology.ts';
import { BACKEND_A, client, podA } from './common.ts';
import {
  A_SERVICE,
  dnat,
  INGRESS,
  INGRESS_LOCAL,
  INGRESS_PROXY,
  INGRESS_TLS,
  LOCAL,
  masquerade,
} from './kube.ts';
import type { Ask, Dial, Expected, ExpectedLeg, ExpectedRequest, Scenario } from './scenario.ts';

const INGRESS_POD = '10.0.2.20';
const POD_A = '10.0.1.99';
/** What a client writes who wants to be taken for somebody else. */
const FORGED = '203.0.113.99';

const answered = { outcome: 'answered', states: ['closed'] } as const satisfies Partial<Expected>;

/** The client at an address that node-b announces, with Local policy: the ingress sees it. */
const entry: Omit<Dial, 'http'> = {
  ...client,
  to: { ip: '203.0.113.11', port: 80 },
  expect: {
    ...answered,
    server: 'ingress-nginx-1',
    sourceSeen: CLIENT_IP,
    rewrites: [
      dnat({
        node: 'node-b',
        hook: 'PREROUTING',
        service: INGRESS_LOCAL,
        endpoint: `${INGRESS_POD}:80`,
        stages: ['ext', 'svl'],
      }),
    ],
  },
};

/** At an address that node-a announces, with Cluster policy: the ingress sees node-a. */
const masqueradedEntry: Omit<Dial, 'http'> = {
  ...client,
  to: { ip: '203.0.113.10', port: 80 },
  expect: {
    ...answered,
    server: 'ingress-nginx-1',
    sourceSeen: NODE_A.ip,
    rewrites: [
      dnat({
        node: 'node-a',
        hook: 'PREROUTING',
        service: INGRESS,
        endpoint: `${INGRESS_POD}:80`,
        stages: ['ext', 'svc'],
      }),
      masquerade('node-a', NODE_A.ip),
    ],
  },
};

/** At HAProxy, outside the cluster. */
const atLoadBalancer = (port: number): Omit<Dial, 'http'> => ({
  ...client,
  to: { ip: LB_IP, port },
  expect: { ...answered, server: 'lb', sourceSeen: CLIENT_IP, rewrites: [] },
});

const fromLoadBalancer = (
  node: typeof NODE_A,
  service: typeof INGRESS,
  seen: string,
  joinedBy: readonly JointEvidence[],
): ExpectedLeg => ({
  from: 'lb',
  to: 'ingress-nginx-1',
  dialled: `${node.ip}:${service.nodePort}`,
  server: 'ingress-nginx-1',
  sourceSeen: seen,
  rewrites: [
    dnat({
      node: node.name,
      hook: 'PREROUTING',
      service,
      endpoint: `${INGRESS_POD}:${service === INGRESS_PROXY ? 8081 : 80}`,
      stages: ['ext', 'svc'],
      nodePort: true,
    }),
    masquerade(node.name, seen),
  ],
  joinedBy,
});

/** The ingress dials the Service of /a. */
const toA: ExpectedLeg = {
  from: 'ingress-nginx-1',
  to: 'a-service-1',
  dialled: `${A_SERVICE.ip}:80`,
  server: 'a-service-1',
  sourceSeen: INGRESS_POD,
  rewrites: [
    dnat({
      node: 'node-b',
      hook: 'PREROUTING',
      service: A_SERVICE,
      endpoint: '10.0.1.21:8080',
      stages: ['svc'],
    }),
  ],
  path: '/ping',
  joinedBy: ['forwarded-header'],
};

/** The pod of /b it dials itself, and keeps the connection. */
const toB: ExpectedLeg = {
  from: 'ingress-nginx-1',
  to: 'b-service-1',
  dialled: '10.0.2.22:8080',
  server: 'b-service-1',
  sourceSeen: INGRESS_POD,
  rewrites: [],
  path: '/ping',
  joinedBy: ['forwarded-header'],
};

const carrier = (kind: Carrier['kind'], leg: number, isClient: boolean, ...values: string[]): Carrier => ({
  ...{ kind, values, leg, isClient },
});

/** What the ingress writes for a request that carried nothing. */
const added = (leg: number, ip: string, isClient = true): Carrier[] => [
  carrier('x-forwarded-for', leg, isClient, ip),
  carrier('x-real-ip', leg, isClient, ip),
];

const carriedTo = (leg: ExpectedLeg, ip: string = CLIENT_IP): ExpectedRequest => ({
  status: 200,
  verdict: 'carried',
  cause: 'proxy',
  legs: [leg],
  carriers: added(1, ip),
});

const get = (path: string, expect: ExpectedRequest, more: Partial<Ask> = {}): Ask => ({
  ...{ host: HOSTS.shop, path, expect },
  ...more,
});

/** The address of the node that masqueraded, for the client's. */
const stale: ExpectedRequest = {
  status: 200,
  verdict: 'forged-or-stale',
  cause: 'masquerade-external-traffic-policy',
  legs: [toA],
  carriers: added(1, NODE_A.ip, false),
};

const byProxyHeader = (node: typeof NODE_A, seen: string): ExpectedRequest => ({
  status: 200,
  verdict: 'carried',
  cause: 'proxy',
  legs: [fromLoadBalancer(node, INGRESS_PROXY, seen, ['proxy-header']), toA],
  carriers: [carrier('proxy-protocol', 1, true, CLIENT_IP), ...added(2, CLIENT_IP)],
});

/** nginx takes the header for a request line, and a bad one. */
const unwanted: ExpectedRequest = {
  status: 400,
  failure: 'proxy-protocol-mismatch',
  legs: [fromLoadBalancer(NODE_A, INGRESS, NODE_A.ip, ['proxy-header'])],
  carriers: [carrier('proxy-protocol', 1, true, CLIENT_IP)],
};

const one = (
  row: string,
  id: string,
  title: string,
  dial: Omit<Dial, 'http'>,
  requests: readonly Ask[],
  http: Omit<NonNullable<Dial['http']>, 'requests'> = {},
): Scenario => ({ id, row, title, dials: [{ ...dial, http: { ...http, requests } }] });

export const requestScenarios: readonly Scenario[] = [
  one('S9', 's9-ingress-a', 'client to the ingress, path /a/pings: on to the Service a-service', entry, [
    get('/a/pings', carriedTo(toA)),
  ]),
  one('S9', 's9-ingress-b', 'client to the ingress, path /b/pings: on to the pod itself', entry, [
    get('/b/pings', carriedTo(toB)),
  ]),
  one('S9', 's9-request-id', 'the same, and the client gives its request an id', entry, [
    get('/a/pings', carriedTo({ ...toA, joinedBy: ['request-id'] }), {
      headers: { 'X-Request-Id': 'f8a1c2d3-0001-4000-8000-00000000a001' },
    }),
  ]),
  one('S9', 's9-forwarded', 'an ingress that writes Forwarded and nothing else', entry, [
    get(
      '/a/pings',
      { ...carriedTo(toA), carriers: [carrier('forwarded', 1, true, CLIENT_IP)] },
      { host: HOSTS.standard },
    ),
  ]),
  one('S9', 's9-keepalive', 'three requests on one connection, to two Services', entry, [
    get('/a/pings', carriedTo(toA)),
    get('/b/pings', carriedTo(toB)),
    get('/a/pings', carriedTo(toA), { method: 'HEAD' }),
  ]),
  one(
    'S9',
    's9-pipelined',
    'three requests sent before the first answer',
    entry,
    [get('/a/pings', carriedTo(toA)), get('/b/pings', carriedTo(toB)), get('/b/pings', carriedTo(toB))],
    { pipelined: true },
  ),
  {
    id: 's9-pooled',
    row: 'S9',
    title: 'requests of two clients, over one connection from the ingress to the pod',
    dials: [CLIENT_IP, ALLOWED_CLIENT_IP, CLIENT_IP].map((ip) => ({
      ...entry,
      source: { ip },
      expect: { ...(entry.expect as Expected), sourceSeen: ip },
      http: { requests: [get('/b/pings', carriedTo(toB, ip))] },
    })),
  },
  one(
    'S9',
    's9-tls',
    'pod to the ingress over TLS',
    {
      ...podA,
      to: { ip: INGRESS_TLS.ip, port: 443 },
      expect: {
        ...answered,
        server: 'ingress-nginx-1',
        sourceSeen: POD_A,
        rewrites: [
          dnat({
            node: 'node-a',
            hook: 'PREROUTING',
            service: INGRESS_TLS,
            endpoint: `${INGRESS_POD}:443`,
            stages: ['svc'],
          }),
        ],
      },
    },
    [get('/a/pings', carriedTo(toA, POD_A))],
    { tls: HOSTS.shop },
  ),
  one('S10', 's10-masqueraded-entry', 'the ingress behind an entry that masquerades', masqueradedEntry, [
    get('/a/pings', stale),
  ]),
  one(
    'S10',
    's10-tls-masqueraded',
    'the same over TLS, by a NodePort',
    {
      ...client,
      to: { ip: NODE_A.ip, port: INGRESS_TLS.nodePort },
      expect: {
        ...answered,
        server: 'ingress-nginx-1',
        sourceSeen: NODE_A.ip,
        rewrites: [
          dnat({
            node: 'node-a',
            hook: 'PREROUTING',
            service: INGRESS_TLS,
            endpoint: `${INGRESS_POD}:443`,
            stages: ['ext', 'svc'],
            nodePort: true,
          }),
          masquerade('node-a', NODE_A.ip),
        ],
      },
    },
    [get('/a/pings', stale)],
    { tls: HOSTS.shop },
  ),
  one('S10', 's10-forged-added-to', 'the client writes X-Forwarded-For, the ingress adds to it', entry, [
    get(
      '/a/pings',
      {
        ...carriedTo(toA),
        carriers: [
          carrier('x-forwarded-for', 0, false, FORGED),
          // The entry that the ingress added is the client: the last.
          carrier('x-forwarded-for', 1, true, FORGED, CLIENT_IP),
          carrier('x-real-ip', 1, true, CLIENT_IP),
        ],
      },
      { headers: { 'X-Forwarded-For': FORGED } },
    ),
  ]),
  one('S10', 's10-forged-believed', 'the client writes X-Forwarded-For, the ingress believes it', entry, [
    get(
      '/a/pings',
      {
        ...carriedTo({ ...toA, joinedBy: ['forwarded-header', 'process', 'pod-and-time'] }),
        verdict: 'forged-or-stale',
        carriers: [carrier('x-forwarded-for', 0, false, FORGED), ...added(1, FORGED, false)],
      },
      { host: HOSTS.trusting, headers: { 'X-Forwarded-For': FORGED } },
    ),
  ]),
  one(
    'S10',
    's10-forged-without-proxy',
    'the client writes X-Forwarded-For to a server that sees it itself',
    {
      ...client,
      to: { ip: NODE_A.ip, port: LOCAL.nodePort },
      expect: {
        ...answered,
        server: 'service-test-1',
        sourceSeen: CLIENT_IP,
        rewrites: [
          dnat({
            node: 'node-a',
            hook: 'PREROUTING',
            service: LOCAL,
            endpoint: BACKEND_A,
            stages: ['ext', 'svl'],
            nodePort: true,
          }),
        ],
      },
    },
    [
      get(
        '/ping',
        {
          status: 200,
          verdict: 'preserved',
          legs: [],
          carriers: [carrier('x-forwarded-for', 0, false, FORGED)],
        },
        { headers: { 'X-Forwarded-For': FORGED } },
      ),
    ],
  ),
  one(
    'S11',
    's11-proxy-v2',
    'client to HAProxy, PROXY v2 to the NodePort of node-a',
    atLoadBalancer(LB_PORTS.v2),
    [get('/a/pings', byProxyHeader(NODE_A, NODE_A.ip))],
  ),
  one(
    'S11',
    's11-proxy-v2-node-b',
    'the same to the NodePort of node-b',
    atLoadBalancer(LB_PORTS.v2ToNodeB),
    [get('/a/pings', byProxyHeader(NODE_B, '10.0.2.1'))],
  ),
  one(
    'S11',
    's11-proxy-v1',
    'client to HAProxy, PROXY v1 to the NodePort of node-a',
    atLoadBalancer(LB_PORTS.v1),
    [get('/a/pings', byProxyHeader(NODE_A, NODE_A.ip))],
  ),
  one('S11', 's11-proxy-v2-keepalive', 'two requests behind one PROXY header', atLoadBalancer(LB_PORTS.v2), [
    get('/a/pings', byProxyHeader(NODE_A, NODE_A.ip)),
    get('/a/pings', byProxyHeader(NODE_A, NODE_A.ip)),
  ]),
  one(
    'S11',
    's11-two-http-proxies',
    'client to HAProxy, which writes X-Forwarded-For, to the NodePort of node-a',
    atLoadBalancer(LB_PORTS.http),
    [
      get('/a/pings', {
        ...carriedTo(toA),
        legs: [
          fromLoadBalancer(NODE_A, INGRESS, NODE_A.ip, ['forwarded-header']),
          { ...toA, joinedBy: ['request-id'] },
        ],
        carriers: [
          carrier('x-forwarded-for', 1, true, CLIENT_IP),
          // The ingress takes for its client what masquerading has made of HAProxy.
          carrier('x-forwarded-for', 2, true, CLIENT_IP, NODE_A.ip),
          carrier('x-real-ip', 2, false, NODE_A.ip),
        ],
      }),
    ],
  ),
  one(
    'S12',
    's12-proxy-v1-unwanted',
    'PROXY v1 to a server that does not speak it',
    atLoadBalancer(LB_PORTS.v1Unwanted),
    [get('/a/pings', unwanted)],
  ),
  one(
    'S12',
    's12-proxy-v2-unwanted',
    'PROXY v2 to a server that does not speak it',
    atLoadBalancer(LB_PORTS.v2Unwanted),
    [get('/a/pings', unwanted)],
  ),
  one(
    'S12',
    's12-proxy-missing',
    'no PROXY header to a server that demands one',
    {
      ...client,
      to: { ip: NODE_B.ip, port: INGRESS_PROXY.nodePort },
      expect: {
        outcome: 'closed',
        states: ['closed'],
        server: 'ingress-nginx-1',
        sourceSeen: '10.0.2.1',
        verdict: 'lost',
        cause: 'masquerade-external-traffic-policy',
        failure: 'proxy-protocol-mismatch',
        rewrites: [
          dnat({
            node: 'node-b',
            hook: 'PREROUTING',
            service: INGRESS_PROXY,
            endpoint: `${INGRESS_POD}:8081`,
            stages: ['ext', 'svc'],
            nodePort: true,
          }),
          masquerade('node-b', '10.0.2.1'),
        ],
      },
    },
    [get('/a/pings', { legs: [], carriers: [], failure: 'proxy-protocol-mismatch' })],
  ),
  one('S20', 's20-unauthorized', 'the application answers 401', entry, [
    get('/login', { ...carriedTo({ ...toA, path: '/status/401' }), status: 401 }),
  ]),
  one('S20', 's20-not-found', 'the application answers 404, and then the ingress does itself', entry, [
    get('/missing', { ...carriedTo({ ...toA, path: '/status/404' }), status: 404 }),
    get('/nowhere', { status: 404, verdict: 'preserved', legs: [], carriers: [] }),
  ]),
  one('S20', 's20-bad-gateway', 'nothing listens where the ingress dials: 502', entry, [
    get('/down', {
      status: 502,
      failure: 'refused',
      legs: [
        {
          from: 'ingress-nginx-1',
          to: 'toolbox-b',
          dialled: '10.0.2.99:8080',
          rewrites: [],
          joinedBy: ['process', 'pod-and-time'],
        },
      ],
      carriers: [],
    }),
  ]),
  one(
    'S20',
    's20-upstream-unresolved',
    'the name that the ingress wants to dial does not exist: 502',
    entry,
    [
      get('/products', {
        status: 502,
        unresolved: `${NO_SUCH_SERVICE}.default.svc.cluster.local`,
        legs: [],
        carriers: [],
      }),
    ],
  ),
];
