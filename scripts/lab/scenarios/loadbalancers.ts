/** S8: load-balancer addresses, announced by one node at layer 2. */
import { ALLOWED_CLIENT_IP, CLIENT_IP, NODE_A, NODE_B, type ClusterNode } from '../topology.ts';
import { BACKEND_B, client, lostByPolicy, podA, preserved } from './common.ts';
import { dnat, INGRESS, INGRESS_LOCAL, masquerade, RANGES } from './kube.ts';
import type { Expected, Scenario } from './scenario.ts';

const INGRESS_POD = '10.0.2.20:80';

const ingressByCluster = (node: ClusterNode, hook: 'PREROUTING' | 'OUTPUT', seen: string): Expected => ({
  ...lostByPolicy,
  server: 'ingress-nginx-1',
  sourceSeen: seen,
  rewrites: [
    dnat({ node: node.name, hook, service: INGRESS, endpoint: INGRESS_POD, stages: ['ext', 'svc'] }),
    masquerade(node.name, seen),
  ],
});

const ingressByLocal = (node: ClusterNode, last: 'svc' | 'svl', seen: string): Expected => ({
  ...preserved,
  server: 'ingress-nginx-1',
  sourceSeen: seen,
  rewrites: [
    dnat({
      node: node.name,
      hook: 'PREROUTING',
      service: INGRESS_LOCAL,
      endpoint: INGRESS_POD,
      stages: ['ext', last],
    }),
  ],
});

export const loadBalancerScenarios: readonly Scenario[] = [
  {
    id: 's8-lb-cluster',
    row: 'S8',
    title: 'client to a load-balancer address, Cluster policy, announced by node-a; backend on node-b',
    dials: [
      {
        ...client,
        to: { ip: '203.0.113.10', port: 80 },
        expect: ingressByCluster(NODE_A, 'PREROUTING', NODE_A.ip),
      },
    ],
  },
  {
    id: 's8-lb-local',
    row: 'S8',
    title: 'client to a load-balancer address, Local policy, announced by the node with the endpoint',
    dials: [
      {
        ...client,
        to: { ip: '203.0.113.11', port: 80 },
        expect: ingressByLocal(NODE_B, 'svl', CLIENT_IP),
      },
    ],
  },
  {
    id: 's8-lb-local-from-pod',
    row: 'S8',
    title: 'pod to the same address: kept inside, as if it were the ClusterIP',
    dials: [
      {
        ...podA,
        to: { ip: '203.0.113.11', port: 80 },
        expect: ingressByLocal(NODE_A, 'svc', '10.0.1.99'),
      },
    ],
  },
  {
    id: 's8-lb-cluster-from-node',
    row: 'S8',
    title: 'a process on node-b to the load-balancer address',
    dials: [
      {
        from: 'node-b',
        protocol: 'tcp',
        to: { ip: '203.0.113.10', port: 80 },
        expect: ingressByCluster(NODE_B, 'OUTPUT', '10.0.2.1'),
      },
    ],
  },
  {
    id: 's8-lb-ranges-allowed',
    row: 'S8',
    title: 'client inside loadBalancerSourceRanges; backend on node-b',
    dials: [
      {
        ...client,
        source: { ip: ALLOWED_CLIENT_IP },
        to: { ip: '203.0.113.12', port: 80 },
        until: 'service-test-2',
        expect: {
          ...lostByPolicy,
          server: 'service-test-2',
          sourceSeen: NODE_A.ip,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: RANGES,
              endpoint: BACKEND_B,
              stages: ['fw', 'ext', 'svc'],
            }),
            masquerade('node-a', NODE_A.ip),
          ],
        },
      },
    ],
  },
];
