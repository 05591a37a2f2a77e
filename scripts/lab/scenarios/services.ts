/** S3, S14 and S16: Services dialled from inside, and their policies. */
import { CLIENT_IP, NODE_A } from '../topology.ts';
import { BACKEND_A, BACKEND_B, client, endless, lostByPolicy, podA, preserved } from './common.ts';
import { API, dnat, DNS, DUAL, EXTERNAL_IP, INTERNAL_LOCAL, masquerade, SCTP, STICKY, TEST } from './kube.ts';
import type { Expected, Scenario } from './scenario.ts';

const lookup: Expected = {
  ...preserved,
  states: endless,
  server: 'dns-1',
  sourceSeen: '10.0.1.99',
  rewrites: [
    dnat({ node: 'node-a', hook: 'PREROUTING', service: DNS, endpoint: '10.0.2.53:53', stages: ['svc'] }),
  ],
};

export const serviceScenarios: readonly Scenario[] = [
  {
    id: 's3-clusterip-remote',
    row: 'S3',
    title: 'pod on node-a looks a name up, then dials the ClusterIP; backend on node-b',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'udp',
        to: { ip: DNS.ip, port: DNS.port },
        ask: 'service-test.default.svc.cluster.local',
        expect: lookup,
      },
      {
        ...podA,
        to: { ip: TEST.ip, port: TEST.port },
        ask: 'service-test.default.svc.cluster.local',
        until: 'service-test-2',
        expect: {
          ...preserved,
          server: 'service-test-2',
          sourceSeen: '10.0.1.99',
          rewrites: [
            dnat({ node: 'node-a', hook: 'PREROUTING', service: TEST, endpoint: BACKEND_B, stages: ['svc'] }),
          ],
          crosses: ['toolbox-a/eth0', 'node-a/eth0', 'fabric/p-node-b', 'node-b/cbr0', 'node-b/veth25058977'],
        },
      },
    ],
  },
  {
    id: 's3-clusterip-same-node',
    row: 'S3',
    title: 'pod on node-a to the ClusterIP; backend on the same node',
    dials: [
      {
        ...podA,
        to: { ip: TEST.ip, port: TEST.port },
        until: 'service-test-1',
        expect: {
          ...preserved,
          server: 'service-test-1',
          sourceSeen: '10.0.1.99',
          rewrites: [
            dnat({ node: 'node-a', hook: 'PREROUTING', service: TEST, endpoint: BACKEND_A, stages: ['svc'] }),
          ],
        },
      },
    ],
  },
  {
    id: 's3-api-from-pod',
    row: 'S3',
    title: 'pod to kubernetes.default: a backend that is no pod',
    dials: [
      {
        ...podA,
        to: { ip: API.ip, port: API.port },
        expect: {
          ...preserved,
          server: 'kube-apiserver',
          sourceSeen: '10.0.1.99',
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: API,
              endpoint: '10.100.0.10:6443',
              stages: ['svc'],
            }),
          ],
        },
      },
    ],
  },
  {
    id: 'node-clusterip-local',
    row: 'S3',
    title: 'a process on node-a to the ClusterIP; backend on node-a',
    dials: [
      {
        from: 'node-a',
        protocol: 'tcp',
        to: { ip: TEST.ip, port: TEST.port },
        until: 'service-test-1',
        expect: {
          outcome: 'answered',
          server: 'service-test-1',
          sourceSeen: '10.0.1.1',
          states: ['closed'],
          verdict: 'lost',
          cause: 'masquerade-off-cluster',
          rewrites: [
            dnat({ node: 'node-a', hook: 'OUTPUT', service: TEST, endpoint: BACKEND_A, stages: ['svc'] }),
            masquerade('node-a', '10.0.1.1'),
          ],
        },
      },
    ],
  },
  {
    id: 'node-clusterip-remote',
    row: 'S3',
    title: 'a process on node-a to the ClusterIP; backend on node-b: masqueraded to the address it had',
    dials: [
      {
        from: 'node-a',
        protocol: 'tcp',
        to: { ip: TEST.ip, port: TEST.port },
        until: 'service-test-2',
        expect: {
          ...preserved,
          server: 'service-test-2',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({ node: 'node-a', hook: 'OUTPUT', service: TEST, endpoint: BACKEND_B, stages: ['svc'] }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
  {
    id: 's14-hairpin',
    row: 'S14',
    title: 'a pod reaches itself through its own Service',
    dials: [
      {
        from: 'service-test-1',
        protocol: 'tcp',
        to: { ip: TEST.ip, port: TEST.port },
        until: 'service-test-1',
        expect: {
          outcome: 'answered',
          server: 'service-test-1',
          sourceSeen: '10.0.1.1',
          states: ['closed'],
          verdict: 'lost',
          cause: 'masquerade-hairpin',
          rewrites: [
            dnat({ node: 'node-a', hook: 'PREROUTING', service: TEST, endpoint: BACKEND_A, stages: ['svc'] }),
            masquerade('node-a', '10.0.1.1'),
          ],
        },
      },
    ],
  },
  {
    id: 's16-session-affinity',
    row: 'S16',
    title: 'three connections to a NodePort with sessionAffinity ClientIP: one backend',
    prepare: [{ kind: 'remember', node: NODE_A, client: CLIENT_IP, service: STICKY, endpoint: BACKEND_A }],
    dials: [1, 2, 3].map(() => ({
      ...client,
      to: { ip: NODE_A.ip, port: STICKY.nodePort },
      expect: {
        ...lostByPolicy,
        server: 'service-test-1',
        sourceSeen: '10.0.1.1',
        rewrites: [
          dnat({
            node: 'node-a',
            hook: 'PREROUTING',
            service: STICKY,
            endpoint: BACKEND_A,
            stages: ['ext', 'svc'],
            nodePort: true,
          }),
          masquerade('node-a', '10.0.1.1'),
        ],
      },
    })),
  },
  {
    id: 's16-external-ip',
    row: 'S16',
    title: 'client to an externalIPs address; backend on node-b',
    dials: [
      {
        ...client,
        to: { ip: '192.0.2.80', port: 80 },
        until: 'service-test-2',
        expect: {
          ...lostByPolicy,
          server: 'service-test-2',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: EXTERNAL_IP,
              endpoint: BACKEND_B,
              stages: ['ext', 'svc'],
            }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
  {
    id: 's16-internal-local',
    row: 'S16',
    title: 'pod to a ClusterIP with internalTrafficPolicy Local: never leaves the node',
    dials: [
      {
        ...podA,
        to: { ip: INTERNAL_LOCAL.ip, port: INTERNAL_LOCAL.port },
        expect: {
          ...preserved,
          server: 'service-test-1',
          sourceSeen: '10.0.1.99',
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: INTERNAL_LOCAL,
              endpoint: BACKEND_A,
              stages: ['svl'],
            }),
          ],
        },
      },
    ],
  },
  {
    id: 's16-v6-clusterip',
    row: 'S16',
    title: 'pod on node-a to the IPv6 ClusterIP; backend on node-b',
    dials: [
      {
        ...podA,
        to: { ip: 'fd00:10:3::157', port: DUAL.port },
        until: 'service-test-2',
        expect: {
          ...preserved,
          server: 'service-test-2',
          sourceSeen: 'fd00:10:0:1::99',
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: DUAL,
              endpoint: '[fd00:10:0:2::11]:8080',
              stages: ['svc'],
            }),
          ],
        },
      },
    ],
  },
  {
    id: 'udp-dns-clusterip',
    row: 'UDP',
    title: 'pod asks the DNS Service',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'udp',
        to: { ip: DNS.ip, port: DNS.port },
        ask: 'kubernetes.default.svc.cluster.local',
        expect: lookup,
      },
    ],
  },
  {
    id: 'sctp-clusterip',
    row: 'SCTP',
    title: 'pod on node-a opens and closes an SCTP association with a ClusterIP; backend on node-b',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'sctp',
        to: { ip: SCTP.ip, port: SCTP.port },
        expect: {
          ...preserved,
          states: endless,
          server: 'service-test-2',
          sourceSeen: '10.0.1.99',
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: SCTP,
              endpoint: '10.0.2.11:9999',
              stages: ['svc'],
            }),
          ],
        },
      },
    ],
  },
];
