/** S4, and networks without any Kubernetes. */
import { TWIN_CLIENT, TWIN_SERVER } from '../topology.ts';
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
        to: { ip: '10.96.0.1', port: 80 },
        expect: {
          ...preserved,
          server: 'plain-server',
          sourceSeen: '10.0.0.9',
          rewrites: [foreign('plain-router', 'dnat', 'PREROUTING', '192.168.1.2:8080', 'PREROUTING')],
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
        source: { ip: '192.168.1.2', port: 8080 },
        to: { ip: '10.0.0.9', port: 9000 },
        expect: {
          outcome: 'answered',
          server: 'plain-client',
          sourceSeen: '10.0.0.1',
          states: ['closed'],
          verdict: 'lost',
          cause: 'snat-rule',
          rewrites: [foreign('plain-router', 'snat', 'POSTROUTING', '10.0.0.1:8080', 'POSTROUTING')],
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
