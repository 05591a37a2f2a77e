/** S1, S2 and S18: pods by their own addresses, and what they dial outside. */
import { CLIENT_IP, OUTSIDE_PORT } from '../topology.ts';
import { client, endless, podA, preserved } from './common.ts';
import { foreign } from './kube.ts';
import type { Expected, Scenario } from './scenario.ts';

export const podScenarios: readonly Scenario[] = [
  {
    id: 's1-pod-pod-same-node',
    row: 'S1',
    title: 'pod to pod on one node',
    dials: [
      {
        ...podA,
        to: { ip: '10.0.1.11', port: 8080 },
        expect: {
          ...preserved,
          server: 'service-test-1',
          sourceSeen: '10.0.1.99',
          rewrites: [],
          crosses: ['toolbox-a/eth0', 'node-a/veth093e5323'],
        },
      },
    ],
  },
  {
    id: 's2-pod-pod-across-nodes',
    row: 'S2',
    title: 'pod on node-a to pod on node-b',
    dials: [
      {
        ...podA,
        to: { ip: '10.0.2.2', port: 8080 },
        expect: {
          ...preserved,
          server: 'hostport-web-1',
          sourceSeen: '10.0.1.99',
          rewrites: [],
          crosses: ['toolbox-a/eth0', 'node-a/eth0', 'fabric/p-node-b', 'node-b/cbr0', 'node-b/veth5c02ae01'],
        },
      },
    ],
  },
  {
    id: 'client-pod',
    row: 'S2',
    title: 'client to a pod address, no Service',
    dials: [
      {
        ...client,
        to: { ip: '10.0.1.11', port: 8080 },
        expect: { ...preserved, server: 'service-test-1', sourceSeen: CLIENT_IP, rewrites: [] },
      },
    ],
  },
  {
    id: 's18-egress',
    row: 'S18',
    title: 'pod to a server outside: the CNI masquerades',
    dials: [{ ...podA, to: { ip: CLIENT_IP, port: OUTSIDE_PORT }, expect: egress('10.100.0.2') }],
  },
  {
    id: 's18-egress-port-clash',
    row: 'S18',
    title: 'two pods of one node to the outside from the same source port at once',
    together: true,
    sharedPort: true,
    dials: ['service-test-1', 'toolbox-a'].map((from) => ({
      from,
      protocol: 'tcp',
      to: { ip: CLIENT_IP, port: OUTSIDE_PORT },
      expect: egress('10.100.0.2'),
    })),
  },
  {
    id: 'icmp-pod-pod',
    row: 'ICMP',
    title: 'echo from pod to pod across nodes',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'icmp',
        to: { ip: '10.0.2.11', port: 0 },
        expect: { ...preserved, states: endless, rewrites: [] },
      },
    ],
  },
  {
    id: 'icmp-client-pod',
    row: 'ICMP',
    title: 'echo from the client to a pod',
    dials: [
      {
        from: 'client',
        protocol: 'icmp',
        to: { ip: '10.0.1.11', port: 0 },
        expect: { ...preserved, states: endless, rewrites: [] },
      },
    ],
  },
  {
    id: 'icmp-egress',
    row: 'ICMP',
    title: 'echo from a pod to the outside: masqueraded too',
    dials: [
      {
        from: 'toolbox-a',
        protocol: 'icmp',
        to: { ip: CLIENT_IP, port: 0 },
        expect: {
          ...preserved,
          states: endless,
          verdict: 'lost',
          cause: 'masquerade-cni-outgoing',
          rewrites: [foreign('node-a', 'masquerade', 'POSTROUTING', '10.100.0.2', 'POSTROUTING')],
        },
      },
    ],
  },
];
function egress(node: string): Expected {
  return {
    outcome: 'answered',
    server: 'outside',
    sourceSeen: node,
    states: ['closed'],
    verdict: 'lost',
    cause: 'masquerade-cni-outgoing',
    rewrites: [foreign('node-a', 'masquerade', 'POSTROUTING', node, 'POSTROUTING')],
  };
}
