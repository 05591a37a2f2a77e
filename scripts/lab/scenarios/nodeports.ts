/** S5 and S6: node ports, from the client, from pods and from the nodes themselves. */
import { CLIENT_IP, CLIENT_IP6, NODE_A, NODE_B, type ClusterNode } from '../topology.ts';
import { BACKEND_A, BACKEND_B, client, endless, lostByPolicy, podA, preserved } from './common.ts';
import { dnat, DNS_EXTERNAL, DUAL, INGRESS_LOCAL, LOCAL, masquerade, SCTP, TEST } from './kube.ts';
import type { Dial, Scenario } from './scenario.ts';

const toTestPort = { service: TEST, stages: ['ext', 'svc'], nodePort: true } as const;

/** The client dials the node port of service-test on one node until a backend on one node answers. */
function nodePort(entry: ClusterNode, backend: ClusterNode, seen: string, crosses?: readonly string[]): Dial {
  const endpoint = backend === NODE_A ? BACKEND_A : BACKEND_B;
  return {
    ...client,
    to: { ip: entry.ip, port: TEST.nodePort },
    until: `service-test-${backend.index}`,
    expect: {
      ...lostByPolicy,
      server: `service-test-${backend.index}`,
      sourceSeen: seen,
      rewrites: [
        dnat({ ...toTestPort, node: entry.name, hook: 'PREROUTING', endpoint }),
        masquerade(entry.name, seen),
      ],
      ...(crosses && { crosses }),
    },
  };
}

const nodePort6 = (server: string, endpoint: string, seen: string): Dial => ({
  ...client,
  to: { ip: NODE_A.ip6, port: DUAL.nodePort },
  until: server,
  expect: {
    ...lostByPolicy,
    server,
    sourceSeen: seen,
    rewrites: [
      dnat({
        node: 'node-a',
        hook: 'PREROUTING',
        service: DUAL,
        endpoint,
        stages: ['ext', 'svc'],
        nodePort: true,
      }),
      masquerade('node-a', seen),
    ],
  },
});

export const nodePortScenarios: readonly Scenario[] = [
  {
    id: 's5-nodeport-a-local',
    row: 'S5',
    title: 'client to the NodePort on node-a, Cluster policy; backend on node-a',
    dials: [nodePort(NODE_A, NODE_A, '10.0.1.1')],
  },
  {
    id: 's5-nodeport-a-remote',
    row: 'S5',
    title: 'client to the NodePort on node-a, Cluster policy; backend on node-b',
    dials: [
      nodePort(NODE_A, NODE_B, NODE_A.ip, [
        ...['client/eth0', 'fabric/br0', 'fabric/p-node-a', 'node-a/eth0'],
        ...['fabric/p-node-b', 'node-b/cbr0', 'node-b/veth25058977'],
      ]),
    ],
  },
  {
    id: 's5-nodeport-b-local',
    row: 'S5',
    title: 'client to the NodePort on node-b, Cluster policy; backend on node-b',
    dials: [nodePort(NODE_B, NODE_B, '10.0.2.1')],
  },
  {
    id: 's5-nodeport-b-remote',
    row: 'S5',
    title: 'client to the NodePort on node-b, Cluster policy; backend on node-a',
    dials: [nodePort(NODE_B, NODE_A, NODE_B.ip)],
  },
  {
    id: 'pod-nodeport-own',
    row: 'S5',
    title: "pod on node-a to its own node's NodePort; backend on node-b",
    dials: [
      {
        ...podA,
        to: { ip: NODE_A.ip, port: TEST.nodePort },
        until: 'service-test-2',
        expect: {
          ...lostByPolicy,
          server: 'service-test-2',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({ ...toTestPort, node: 'node-a', hook: 'PREROUTING', endpoint: BACKEND_B }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
  {
    id: 'pod-nodeport-other',
    row: 'S5',
    title: 'pod on node-a to the NodePort of node-b; backend back on node-a',
    dials: [
      {
        ...podA,
        to: { ip: NODE_B.ip, port: TEST.nodePort },
        until: 'service-test-1',
        expect: {
          ...lostByPolicy,
          server: 'service-test-1',
          sourceSeen: NODE_B.ip,
          rewrites: [
            dnat({ ...toTestPort, node: 'node-b', hook: 'PREROUTING', endpoint: BACKEND_A }),
            masquerade('node-b', NODE_B.ip),
          ],
        },
      },
    ],
  },
  {
    id: 'node-localhost-nodeport',
    row: 'S5',
    title: 'a process on node-a to 127.0.0.1:NodePort; backend on node-b',
    dials: [
      {
        from: 'node-a',
        protocol: 'tcp',
        to: { ip: '127.0.0.1', port: TEST.nodePort },
        until: 'service-test-2',
        expect: {
          iptables: {
            ...lostByPolicy,
            server: 'service-test-2',
            sourceSeen: NODE_A.ip,
            rewrites: [
              dnat({ ...toTestPort, node: 'node-a', hook: 'OUTPUT', endpoint: BACKEND_B }),
              masquerade('node-a', NODE_A.ip),
            ],
          },
          // nftables mode serves node ports on the node's primary addresses only.
          nftables: { outcome: 'refused', states: ['refused'], failure: 'refused', rewrites: [] },
        },
      },
    ],
  },
  {
    id: 's6-nodeport-local',
    row: 'S6',
    title: 'client to a NodePort with Local policy where the node has an endpoint',
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: LOCAL.nodePort },
        expect: {
          ...preserved,
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
      {
        ...client,
        to: { ip: NODE_B.ip, port: INGRESS_LOCAL.nodePort },
        expect: {
          ...preserved,
          server: 'ingress-nginx-1',
          sourceSeen: CLIENT_IP,
          rewrites: [
            dnat({
              node: 'node-b',
              hook: 'PREROUTING',
              service: INGRESS_LOCAL,
              endpoint: '10.0.2.20:80',
              stages: ['ext', 'svl'],
              nodePort: true,
            }),
          ],
        },
      },
    ],
  },
  {
    id: 's16-v6-nodeport-remote',
    row: 'S16',
    title: `client ${CLIENT_IP6} to the IPv6 NodePort on node-a; backend on node-b`,
    dials: [nodePort6('service-test-2', '[fd00:10:0:2::11]:8080', NODE_A.ip6)],
  },
  {
    id: 's16-v6-nodeport-local',
    row: 'S16',
    title: 'the same with the backend on node-a',
    dials: [nodePort6('service-test-1', '[fd00:10:0:1::11]:8080', 'fd00:10:0:1::1')],
  },
  {
    id: 'udp-nodeport',
    row: 'UDP',
    title: 'client asks DNS through a UDP NodePort on node-a; backend on node-b',
    dials: [
      {
        from: 'client',
        protocol: 'udp',
        to: { ip: NODE_A.ip, port: DNS_EXTERNAL.nodePort },
        ask: 'service-test.default.svc.cluster.local',
        expect: {
          ...lostByPolicy,
          states: endless,
          server: 'dns-1',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: DNS_EXTERNAL,
              endpoint: '10.0.2.53:53',
              stages: ['ext', 'svc'],
              nodePort: true,
            }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
  {
    id: 'sctp-nodeport',
    row: 'SCTP',
    title: 'client opens and closes an SCTP association through the NodePort on node-a; backend on node-b',
    dials: [
      {
        from: 'client',
        protocol: 'sctp',
        to: { ip: NODE_A.ip, port: SCTP.nodePort },
        expect: {
          ...lostByPolicy,
          states: endless,
          server: 'service-test-2',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: SCTP,
              endpoint: '10.0.2.11:9999',
              stages: ['ext', 'svc'],
              nodePort: true,
            }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
];
