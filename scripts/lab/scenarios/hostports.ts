/** S13: ports of the host. */
import { HOST_PORT, portmapChain } from '../rules.ts';
import { CLIENT_IP, NODE_B } from '../topology.ts';
import { client, preserved } from './common.ts';
import { foreign } from './kube.ts';
import type { Scenario } from './scenario.ts';

const toHostPort = foreign(
  'node-b',
  'dnat',
  'PREROUTING',
  '10.0.2.2:8080',
  'PREROUTING',
  'CNI-HOSTPORT-DNAT',
  portmapChain('hostport-web-1'),
);

export const hostPortScenarios: readonly Scenario[] = [
  {
    id: 's13-hostport',
    row: 'S13',
    title: 'client to a hostPort: the CNI portmap chains',
    dials: [
      {
        ...client,
        to: { ip: NODE_B.ip, port: HOST_PORT },
        expect: { ...preserved, server: 'hostport-web-1', sourceSeen: CLIENT_IP, rewrites: [toHostPort] },
      },
    ],
  },
  {
    id: 's13-hostport-from-pod',
    row: 'S13',
    title: 'a pod of the same node to the hostPort: portmap masquerades its subnet',
    dials: [
      {
        from: 'toolbox-b',
        protocol: 'tcp',
        to: { ip: NODE_B.ip, port: HOST_PORT },
        expect: {
          outcome: 'answered',
          server: 'hostport-web-1',
          sourceSeen: '10.0.2.1',
          states: ['closed'],
          verdict: 'lost',
          cause: 'masquerade-hostport',
          rewrites: [
            toHostPort,
            foreign('node-b', 'masquerade', 'POSTROUTING', '10.0.2.1', 'POSTROUTING', 'CNI-HOSTPORT-MASQ'),
          ],
        },
      },
    ],
  },
  {
    id: 's13-host-network',
    row: 'S13',
    title: 'client to a hostNetwork pod: no NAT at all',
    dials: [
      {
        ...client,
        to: { ip: NODE_B.ip, port: 9100 },
        expect: { ...preserved, server: 'node-exporter', sourceSeen: CLIENT_IP, rewrites: [] },
      },
    ],
  },
];
