/** S6, S7, S8 and S15 where they fail, and dials that nobody answers. */
import { GONE_POD_IP, NODE_A, SILENT_IP } from '../topology.ts';
import { client, podA } from './common.ts';
import { foreign, INGRESS_LOCAL, NO_PODS, NOT_READY, perMode, RANGES, TEST } from './kube.ts';
import type { Dial, Expected, ExpectedRefusal, Scenario } from './scenario.ts';

/** Long enough for one SYN to be sent again. */
const timeoutMs = 1300;

type Place = Pick<ExpectedRefusal, 'hook'> & ExpectedRefusal['rule'];

const rejected = ({ hook, chain, via }: Place): Expected => ({
  outcome: 'refused',
  states: ['rejected'],
  failure: 'rejected-no-endpoints',
  rewrites: [],
  refusal: { node: 'node-a', kind: 'reject', hook, rule: { chain, via } },
});

const dropped = (
  failure: 'no-local-endpoint' | 'dropped-by-rule',
  { hook, chain, via }: Place,
): Expected => ({
  outcome: 'timeout',
  states: ['dropped'],
  failure,
  rewrites: [],
  refusal: { node: 'node-a', kind: 'drop', hook, rule: { chain, via } },
});

const noEndpoints = (hook: 'FORWARD' | 'OUTPUT'): Dial['expect'] =>
  perMode(
    rejected({ hook, chain: 'KUBE-SERVICES', via: [hook] }),
    rejected({
      hook,
      chain: 'reject-chain',
      via: [`filter-${hook.toLowerCase()}`, 'service-endpoints-check'],
    }),
  );

const unanswered = { outcome: 'timeout', states: ['unanswered'], failure: 'unanswered' } as const;

export const failureScenarios: readonly Scenario[] = [
  {
    id: 's6-nodeport-local-without-endpoint',
    row: 'S6',
    title: 'client to a NodePort with Local policy on a node without an endpoint: dropped',
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: INGRESS_LOCAL.nodePort },
        timeoutMs,
        expect: perMode(
          dropped('no-local-endpoint', { hook: 'INPUT', chain: 'KUBE-EXTERNAL-SERVICES', via: ['INPUT'] }),
          dropped('no-local-endpoint', {
            hook: 'INPUT',
            chain: 'nodeport-endpoints-check',
            via: ['filter-input'],
          }),
        ),
      },
    ],
  },
  {
    id: 's7-nothing-listens',
    row: 'S7',
    title: 'client to port 80 of a node: nothing there',
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: 80 },
        expect: { outcome: 'refused', states: ['refused'], failure: 'refused', rewrites: [] },
      },
    ],
  },
  {
    id: 's7-pod-refuses',
    row: 'S7',
    title: 'pod to a pod where nothing listens',
    dials: [
      {
        ...podA,
        to: { ip: '10.0.2.99', port: 8080 },
        expect: { outcome: 'refused', states: ['refused'], failure: 'refused', rewrites: [] },
      },
    ],
  },
  {
    id: 's8-lb-local-wrong-node',
    row: 'S8',
    title: 'client to a load-balancer address, Local policy, announced by a node without an endpoint: dark',
    prepare: [{ kind: 'announce', ip: '203.0.113.11', node: NODE_A }],
    dials: [
      {
        ...client,
        to: { ip: '203.0.113.11', port: 80 },
        timeoutMs,
        expect: perMode(
          dropped('no-local-endpoint', {
            hook: 'FORWARD',
            chain: 'KUBE-EXTERNAL-SERVICES',
            via: ['FORWARD'],
          }),
          dropped('no-local-endpoint', {
            hook: 'FORWARD',
            chain: 'service-endpoints-check',
            via: ['filter-forward'],
          }),
        ),
      },
    ],
  },
  {
    id: 's8-lb-ranges-denied',
    row: 'S8',
    title: 'client outside loadBalancerSourceRanges: dropped',
    dials: [
      {
        ...client,
        to: { ip: '203.0.113.12', port: RANGES.port },
        timeoutMs,
        expect: perMode(
          dropped('dropped-by-rule', { hook: 'FORWARD', chain: 'KUBE-PROXY-FIREWALL', via: ['FORWARD'] }),
          dropped('dropped-by-rule', {
            hook: 'PREROUTING',
            chain: 'firewall-PS6UKDXG-default/service-test-ranges/tcp/http',
            via: ['filter-prerouting-pre-dnat', 'firewall-check'],
          }),
        ),
      },
    ],
  },
  {
    id: 's15-no-endpoints-from-pod',
    row: 'S15',
    title: 'pod to the ClusterIP of a Service without pods',
    dials: [{ ...podA, to: { ip: NO_PODS.ip, port: NO_PODS.port }, expect: noEndpoints('FORWARD') }],
  },
  {
    id: 's15-not-ready-from-pod',
    row: 'S15',
    title: 'pod to the ClusterIP of a Service whose only pod is not ready',
    dials: [{ ...podA, to: { ip: NOT_READY.ip, port: NOT_READY.port }, expect: noEndpoints('FORWARD') }],
  },
  {
    id: 's15-no-endpoints-from-client',
    row: 'S15',
    title: 'client to the NodePort of a Service without pods',
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: NO_PODS.nodePort },
        expect: perMode(
          rejected({ hook: 'INPUT', chain: 'KUBE-EXTERNAL-SERVICES', via: ['INPUT'] }),
          rejected({
            hook: 'INPUT',
            chain: 'reject-chain',
            via: ['filter-input', 'nodeport-endpoints-check'],
          }),
        ),
      },
    ],
  },
  {
    id: 's15-no-endpoints-from-node',
    row: 'S15',
    title: 'a process on node-a to the ClusterIP of a Service without pods',
    dials: [
      {
        from: 'node-a',
        protocol: 'tcp',
        to: { ip: NO_PODS.ip, port: NO_PODS.port },
        expect: noEndpoints('OUTPUT'),
      },
    ],
  },
  {
    id: 'wrong-port',
    row: 'S15',
    title: 'pod to a port its ClusterIP does not have',
    dials: [
      {
        ...podA,
        to: { ip: TEST.ip, port: 81 },
        timeoutMs,
        expect: perMode<Expected>(
          // Leaves by the default route; the router knows no such network (ICMP net unreachable).
          { outcome: 'unreachable', states: ['rejected'], rewrites: [] },
          {
            ...rejected({ hook: 'FORWARD', chain: 'cluster-ips-check', via: ['filter-forward'] }),
            failure: 'rejected-by-rule',
          },
        ),
      },
    ],
  },
  {
    id: 'unassigned-clusterip',
    row: 'S15',
    title: 'pod to an address of the service range that no Service has',
    dials: [
      {
        ...podA,
        to: { ip: '10.3.254.254', port: 80 },
        timeoutMs,
        expect: perMode<Expected>(
          { outcome: 'unreachable', states: ['rejected'], rewrites: [] },
          dropped('dropped-by-rule', {
            hook: 'FORWARD',
            chain: 'cluster-ips-check',
            via: ['filter-forward'],
          }),
        ),
      },
    ],
  },
  {
    id: 'unanswered-outside',
    row: 'S18',
    title: 'pod to an outside host that is switched off: masqueraded, and no answer',
    dials: [
      {
        ...podA,
        to: { ip: SILENT_IP, port: 80 },
        timeoutMs,
        expect: {
          ...unanswered,
          rewrites: [foreign('node-a', 'masquerade', 'POSTROUTING', NODE_A.ip, 'POSTROUTING')],
        },
      },
    ],
  },
  {
    id: 'unanswered-pod-gone',
    row: 'S2',
    title: 'pod to the address of a pod that is gone: the SYN crosses both nodes',
    dials: [
      { ...podA, to: { ip: GONE_POD_IP, port: 8080 }, timeoutMs, expect: { ...unanswered, rewrites: [] } },
    ],
  },
];
