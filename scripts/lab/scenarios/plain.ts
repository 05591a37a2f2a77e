/** S4, and networks without any Kubernetes. */
import { PLAIN, TWIN_CLIENT, TWIN_SERVER } from '../topology.ts';
import { endless, preserved } from './common.ts';
import { foreign } from './kube.ts';
import type { Dial, Scenario } from './scenario.ts';

const twins = { row: 'isolated networks', together: true, sharedPort: true } as const;

const both = (dial: (twin: 1 | 2) => Omit<Dial, 'from'>): Dial[] =>
  ([1, 2] as const).map((twin) => ({ from: `twin-${twin}-client`, ...dial(twin) }));

export const plainScenarios: readonly Scenario[] = [
  {
    id: 's4-plain-dnat',
    row: 'S4',
    title: 'a DNAT rule on a router',
    dials: [
      {
        from: 'plain-client',
        protocol: 'tcp',
        to: { ip: PLAIN.dialled, port: 80 },
        expect: {
          ...preserved,
          server: 'plain-server',
          sourceSeen: PLAIN.client,
          rewrites: [
            foreign('plain-router', 'dnat', 'PREROUTING', `${PLAIN.server}:${PLAIN.port}`, 'PREROUTING'),
          ],
        },
      },
    ],
  },
  {
    id: 's4-plain-snat',
    row: 'S4',
    title: 'an SNAT rule on a router, for what the server dials from its own port',
    dials: [
      {
        from: 'plain-server',
        protocol: 'tcp',
        source: { ip: PLAIN.server, port: PLAIN.port },
        to: { ip: PLAIN.client, port: 9000 },
        expect: {
          outcome: 'answered',
          server: 'plain-client',
          sourceSeen: PLAIN.router,
          states: ['closed'],
          verdict: 'lost',
          cause: 'snat-rule',
          rewrites: [
            foreign('plain-router', 'snat', 'POSTROUTING', `${PLAIN.router}:${PLAIN.port}`, 'POSTROUTING'),
          ],
        },
      },
    ],
  },
  {
    ...twins,
    id: 'twins',
    title: 'two isolated networks with the same addresses and ports, both connecting at once',
    dials: both((twin) => ({
      protocol: 'tcp',
      to: { ip: TWIN_SERVER, port: 80 },
      expect: {
        ...preserved,
        server: `twin-${twin}-server`,
        sourceSeen: TWIN_CLIENT,
        rewrites: [
          foreign(`twin-${twin}-server`, 'redirect', 'PREROUTING', `${TWIN_SERVER}:8080`, 'PREROUTING'),
        ],
      },
    })),
  },
  {
    ...twins,
    id: 'twins-udp',
    title: 'the same with datagrams, which no sequence number tells apart',
    dials: both((twin) => ({
      protocol: 'udp',
      to: { ip: TWIN_SERVER, port: 53 },
      ask: 'kubernetes.default.svc.cluster.local',
      expect: {
        ...preserved,
        states: endless,
        server: `twin-${twin}-server`,
        sourceSeen: TWIN_CLIENT,
        rewrites: [],
      },
    })),
  },
  {
    ...twins,
    id: 'twins-icmp',
    title: 'the same with echoes of one identifier',
    dials: both(() => ({
      protocol: 'icmp',
      to: { ip: TWIN_SERVER, port: 0 },
      expect: { ...preserved, states: endless, rewrites: [] },
    })),
  },
];
