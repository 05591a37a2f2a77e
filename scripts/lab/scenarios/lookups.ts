/** S3, S17 and S20: names, asked for before a dial or for themselves. */
import { NO_SUCH_SERVICE, NODE_A } from '../topology.ts';
import { BACKEND_B, endless, podA, preserved } from './common.ts';
import { B_SERVICE, dnat, DNS, DNS_DOWN, TEST, type Service } from './kube.ts';
import type { Dial, Expected, ExpectedTry, LookUp, Scenario } from './scenario.ts';

const POD_A = '10.0.1.99';
/** Where a resolver's pod was, and nobody is any more. */
const OLD_RESOLVER = '10.0.2.77';
const STALE_PORT = 40053;
const timeoutMs = 1300;

const found = (name: string, ...answers: string[]): ExpectedTry => ({
  ...{ name, rcode: 'NOERROR', answers, server: 'dns-1' },
});
const missing = (name: string): ExpectedTry => ({ name, rcode: 'NXDOMAIN', answers: [], server: 'dns-1' });

const lookUp = (name: string, ...expect: ExpectedTry[]): LookUp => ({ name, resolver: DNS.ip, expect });

const toResolver = (service: Service = DNS, endpoint = '10.0.2.53'): Expected['rewrites'] => [
  dnat({ node: 'node-a', hook: 'PREROUTING', service, endpoint: `${endpoint}:53`, stages: ['svc'] }),
];

const ask = (name: string, expect: Pick<Expected, 'queries' | 'failure'>): Dial => ({
  from: 'toolbox-a',
  protocol: 'udp',
  to: { ip: DNS.ip, port: DNS.port },
  ask: name,
  expect: {
    ...preserved,
    states: endless,
    server: 'dns-1',
    sourceSeen: POD_A,
    rewrites: toResolver(),
    ...expect,
  },
});

export const lookUpScenarios: readonly Scenario[] = [
  {
    id: 's3-looked-up',
    row: 'S3',
    title: 'pod on node-a dials a Service by its name; backend on node-b',
    dials: [
      {
        ...podA,
        to: { ip: TEST.ip, port: TEST.port },
        ask: 'service-test',
        lookUp: lookUp('service-test', found('service-test.default.svc.cluster.local', TEST.ip)),
        until: 'service-test-2',
        expect: {
          ...preserved,
          server: 'service-test-2',
          sourceSeen: POD_A,
          rewrites: [
            dnat({ node: 'node-a', hook: 'PREROUTING', service: TEST, endpoint: BACKEND_B, stages: ['svc'] }),
          ],
        },
      },
    ],
  },
  {
    id: 's3-looked-up-by-search-list',
    row: 'S3',
    title: 'the name has its namespace: the first name tried does not exist',
    dials: [
      {
        ...podA,
        to: { ip: B_SERVICE.ip, port: B_SERVICE.port },
        ask: 'b-service.default',
        lookUp: lookUp(
          'b-service.default',
          missing('b-service.default.default.svc.cluster.local'),
          found('b-service.default.svc.cluster.local', B_SERVICE.ip),
        ),
        expect: {
          ...preserved,
          server: 'b-service-1',
          sourceSeen: POD_A,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: B_SERVICE,
              endpoint: '10.0.2.22:8080',
              stages: ['svc'],
            }),
          ],
        },
      },
    ],
  },
  {
    id: 's17-nxdomain',
    row: 'S17',
    title: 'pod asks for a name that does not exist',
    dials: [
      ask(`${NO_SUCH_SERVICE}.default.svc.cluster.local`, {
        failure: 'dns-nxdomain',
        queries: [{ type: 'A', rcode: 'NXDOMAIN', answers: [] }],
      }),
    ],
  },
  {
    id: 's17-a-and-aaaa',
    row: 'S17',
    title: 'pod asks for A and AAAA at once, from one port: two packets race to make one entry',
    dials: [
      {
        ...ask('service-test-dual.default.svc.cluster.local', {
          queries: [
            { type: 'A', rcode: 'NOERROR', answers: ['10.3.241.157'] },
            { type: 'AAAA', rcode: 'NOERROR', answers: ['fd00:10:3::157'] },
          ],
        }),
        types: ['A', 'AAAA'],
      },
    ],
  },
  {
    id: 's17-no-answer',
    row: 'S17',
    title: 'pod asks a resolver whose only pod is switched off',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'udp',
        to: { ip: DNS_DOWN.ip, port: DNS_DOWN.port },
        ask: 'service-test.default.svc.cluster.local',
        timeoutMs,
        expect: {
          outcome: 'timeout',
          states: ['unanswered'],
          failure: 'dns-unanswered',
          rewrites: toResolver(DNS_DOWN, OLD_RESOLVER),
        },
      },
    ],
  },
  {
    id: 's17-stale-entry',
    row: 'S17',
    title: 'pod asks from a port whose conntrack entry still leads to the resolver that has moved',
    prepare: [
      {
        kind: 'stale-entry',
        node: NODE_A,
        client: { ip: POD_A, port: STALE_PORT },
        service: DNS,
        movedFrom: OLD_RESOLVER,
      },
    ],
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'udp',
        source: { port: STALE_PORT },
        to: { ip: DNS.ip, port: DNS.port },
        ask: 'service-test.default.svc.cluster.local',
        timeoutMs,
        expect: {
          outcome: 'timeout',
          states: ['unanswered'],
          failure: 'stale-conntrack',
          rewrites: [{ node: 'node-a', kind: 'dnat', hook: 'PREROUTING', to: `${OLD_RESOLVER}:53` }],
        },
      },
    ],
  },
  {
    id: 's20-unresolved',
    row: 'S20',
    title: 'pod dials a name that nobody created: four tries, no dial',
    dials: [
      {
        ...podA,
        to: { ip: '', port: 80 },
        ask: NO_SUCH_SERVICE,
        lookUp: lookUp(
          NO_SUCH_SERVICE,
          ...['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'].map((domain) =>
            missing(`${NO_SUCH_SERVICE}.${domain}`),
          ),
          missing(NO_SUCH_SERVICE),
        ),
        expect: { outcome: 'unresolved', states: [], failure: 'dns-nxdomain', rewrites: [] },
      },
    ],
  },
  {
    id: 's20-resolver-down',
    row: 'S20',
    title: 'pod dials a name, and its resolver is switched off',
    dials: [
      {
        ...podA,
        to: { ip: '', port: 80 },
        ask: 'service-test',
        lookUp: {
          name: 'service-test',
          resolver: DNS_DOWN.ip,
          expect: [{ name: 'service-test.default.svc.cluster.local', answers: [] }],
        },
        timeoutMs,
        expect: { outcome: 'unresolved', states: [], failure: 'dns-unanswered', rewrites: [] },
      },
    ],
  },
];
