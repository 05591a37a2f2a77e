/** S19: a pod whose connections, both ways, are taken by a proxy in its own namespace. */
import { HOSTS, SIDECAR } from '../daemons.ts';
import { podA } from './common.ts';
import { B_SERVICE, dnat, foreign, MESHED } from './kube.ts';
import type { Scenario } from './scenario.ts';

const MESHED_IP = '10.0.1.31';
const POD_A = '10.0.1.99';

export const sidecarScenarios: readonly Scenario[] = [
  {
    id: 's19-sidecar-out',
    row: 'S19',
    title: 'a pod with a sidecar dials a Service: REDIRECT, and the sidecar dials it',
    dials: [
      {
        from: 'meshed-1',
        protocol: 'tcp',
        to: { ip: B_SERVICE.ip, port: B_SERVICE.port },
        expect: {
          outcome: 'answered',
          states: ['closed'],
          server: 'sidecar-1',
          sourceSeen: MESHED_IP,
          rewrites: [
            foreign(
              'meshed-1',
              'redirect',
              'OUTPUT',
              `127.0.0.1:${SIDECAR.outbound}`,
              ...['OUTPUT', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT'],
            ),
          ],
        },
        http: {
          requests: [
            {
              host: HOSTS.shop,
              path: '/ping',
              expect: {
                status: 200,
                verdict: 'preserved',
                legs: [
                  {
                    from: 'meshed-1',
                    to: 'b-service-1',
                    dialled: `${B_SERVICE.ip}:80`,
                    server: 'b-service-1',
                    sourceSeen: MESHED_IP,
                    rewrites: [
                      dnat({
                        node: 'node-a',
                        hook: 'PREROUTING',
                        service: B_SERVICE,
                        endpoint: '10.0.2.22:8080',
                        stages: ['svc'],
                      }),
                    ],
                    joinedBy: ['process', 'pod-and-time'],
                  },
                ],
                carriers: [],
              },
            },
          ],
        },
      },
    ],
  },
  {
    id: 's19-sidecar-in',
    row: 'S19',
    title: 'a pod to a Service whose pod has a sidecar: REDIRECT behind the DNAT, and on over loopback',
    dials: [
      {
        ...podA,
        to: { ip: MESHED.ip, port: MESHED.port },
        expect: {
          outcome: 'answered',
          states: ['closed'],
          server: 'sidecar-1',
          sourceSeen: POD_A,
          rewrites: [
            dnat({
              node: 'node-a',
              hook: 'PREROUTING',
              service: MESHED,
              endpoint: `${MESHED_IP}:8080`,
              stages: ['svc'],
            }),
            foreign(
              'meshed-1',
              'redirect',
              'PREROUTING',
              `${MESHED_IP}:${SIDECAR.inbound}`,
              ...['PREROUTING', 'ISTIO_INBOUND', 'ISTIO_IN_REDIRECT'],
            ),
          ],
        },
        http: {
          requests: [
            {
              host: HOSTS.shop,
              path: '/ping',
              expect: {
                status: 200,
                verdict: 'carried',
                cause: 'proxy',
                legs: [
                  {
                    from: 'meshed-1',
                    to: 'meshed-1',
                    dialled: `${MESHED_IP}:8080`,
                    server: 'meshed-1',
                    sourceSeen: '127.0.0.6',
                    rewrites: [],
                    joinedBy: ['forwarded-header'],
                  },
                ],
                carriers: [{ kind: 'x-forwarded-for', values: [POD_A], leg: 1, isClient: true }],
              },
            },
          ],
        },
      },
    ],
  },
];
