/** Every cause of a loss: how the lab brings it about, and what must be told of it. */
import { expect } from 'vitest';
import {
  BRIDGE_CHAIN,
  LB_PORT,
  masqueradeAll,
  networkPlugins,
  routedClusterIp,
  translatingLoadBalancer,
} from '../../scripts/lab/changes.ts';
import type { Program } from '../../scripts/lab/network.ts';
import { HOST_PORT, portmapChain } from '../../scripts/lab/rules.ts';
import { requestsAndNames } from '../../scripts/lab/scenarios.ts';
import { BACKEND_A, BACKEND_B, client } from '../../scripts/lab/scenarios/common.ts';
import { LOCAL, nftChain, RANGES, sepChain, serviceChain, TEST } from '../../scripts/lab/scenarios/kube.ts';
import type { Dial, Expected, Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { CLIENT_IP, LB_IP, NODE_A, NODE_B, OUTSIDE_PORT, type Mode } from '../../scripts/lab/topology.ts';
import type { LossCause, RemedyKind, Request, Responsible } from '../../src/trace/request.ts';

export interface Case {
  readonly title: string;
  readonly scenario: Scenario;
  readonly cause: LossCause;
  /** Names are without the lab's prefix. */
  readonly responsible: Responsible | ((mode: Mode) => Responsible);
  /** Chain of the rule that had the packet marked; absent where no mark is. */
  readonly markedIn?: (mode: Mode) => string | undefined;
  /** Chain of the rule that rewrote the source. */
  readonly ruleIn?: (mode: Mode) => string;
  readonly remedies: readonly RemedyKind[];
}

const ANY: Expected = { outcome: 'answered', states: [], rewrites: [] };
const dial = (title: string, from: string, ip: string, port: number, more: Partial<Dial> = {}): Scenario => ({
  ...{ id: title, row: 'S5', title },
  dials: [{ ...client, ...more, from, to: { ip, port }, expect: ANY }],
});

const until = (until: string): Partial<Dial> => ({ until });
const policy = (service: string, value: string): Responsible => ({
  object: `Service ${service}`,
  field: 'spec.externalTrafficPolicy',
  value,
});
const perMode =
  (iptables: string, nftables: string | undefined) =>
  (mode: Mode): string | undefined =>
    mode === 'iptables' ? iptables : nftables;

/** Of one lab, in which network plugins stand in for the lab's own rule, and a load balancer that translates. */
export const CASES: readonly Case[] = [
  {
    title: 'a node port under policy Cluster',
    scenario: dial('policy', 'client', NODE_A.ip, TEST.nodePort),
    cause: 'masquerade-external-traffic-policy',
    responsible: policy('default/service-test', 'Cluster'),
    markedIn: perMode(serviceChain(TEST, 'ext'), nftChain(TEST, 'external')),
    remedies: ['external-traffic-policy', 'proxy-protocol', 'forwarded-header'],
  },
  {
    title: 'a node port under policy Cluster, from a pod',
    scenario: dial('policy-pod', 'toolbox-a', NODE_A.ip, TEST.nodePort),
    cause: 'masquerade-external-traffic-policy',
    responsible: policy('default/service-test', 'Cluster'),
    markedIn: perMode(serviceChain(TEST, 'ext'), nftChain(TEST, 'external')),
    remedies: ['dial-directly', 'external-traffic-policy'],
  },
  {
    title: 'a pod that reaches itself through its Service',
    scenario: dial('hairpin', 'service-test-1', TEST.ip, TEST.port, until('service-test-1')),
    cause: 'masquerade-hairpin',
    responsible: { object: 'Pod service-test-1' },
    // With nftables the rule asks for the two addresses, and needs no mark.
    markedIn: perMode(sepChain(TEST, BACKEND_A), undefined),
    remedies: ['dial-directly'],
  },
  {
    title: 'a ClusterIP from a process of the node',
    scenario: dial('node', 'node-a', TEST.ip, TEST.port, until('service-test-1')),
    cause: 'masquerade-off-cluster',
    responsible: { object: 'kube-proxy', field: 'clusterCIDR', value: '10.0.0.0/16' },
    markedIn: perMode(serviceChain(TEST, 'svc'), 'services'),
    remedies: ['dial-directly'],
  },
  {
    title: 'a ClusterIP from outside, by a route to the node',
    scenario: dial('outside', 'client', RANGES.ip, RANGES.port),
    cause: 'masquerade-off-cluster',
    responsible: { object: 'kube-proxy', field: 'clusterCIDR', value: '10.0.0.0/16' },
    markedIn: perMode(serviceChain(RANGES, 'svc'), 'services'),
    remedies: ['external-traffic-policy', 'dial-directly'],
  },
  {
    title: "a node's own node port under policy Local",
    scenario: dial('local', 'node-a', NODE_A.ip, LOCAL.nodePort, until('service-test-1')),
    cause: 'masquerade-off-cluster',
    responsible: policy('default/service-test-local', 'Local'),
    markedIn: perMode(serviceChain(LOCAL, 'ext'), nftChain(LOCAL, 'external')),
    remedies: ['dial-directly'],
  },
  {
    title: 'a hostPort from a pod of its node',
    scenario: dial('hostport', 'toolbox-b', NODE_B.ip, HOST_PORT),
    cause: 'masquerade-hostport',
    responsible: { object: 'CNI plugin portmap', field: 'snat', value: 'true' },
    markedIn: () => portmapChain('hostport-web-1'),
    remedies: ['dial-directly', 'host-network', 'network-setting'],
  },
  {
    title: 'out of the cluster, by flannel',
    scenario: dial('flannel', 'toolbox-a', CLIENT_IP, OUTSIDE_PORT),
    cause: 'masquerade-cni-outgoing',
    responsible: { object: 'flannel', field: '--ip-masq', value: 'true' },
    ruleIn: () => 'FLANNEL-POSTRTG',
    remedies: ['network-setting'],
  },
  {
    title: 'out of the cluster, by the bridge plugin',
    scenario: dial('bridge', 'service-test-1', CLIENT_IP, OUTSIDE_PORT),
    cause: 'masquerade-cni-outgoing',
    responsible: { object: 'CNI network configuration', field: 'ipMasq', value: 'true' },
    ruleIn: () => BRIDGE_CHAIN,
    remedies: ['network-setting'],
  },
  {
    title: 'out of the cluster, by ip-masq-agent or Calico',
    scenario: dial('agent', 'toolbox-b', CLIENT_IP, OUTSIDE_PORT),
    cause: 'masquerade-cni-outgoing',
    responsible: (mode) =>
      mode === 'iptables'
        ? {
            object: 'ConfigMap kube-system/ip-masq-agent',
            field: 'nonMasqueradeCIDRs',
            value: '169.254.0.0/16, 10.0.0.0/8',
          }
        : { object: 'Calico IPPool of the pod', field: 'spec.natOutgoing', value: 'true' },
    ruleIn: (mode) => (mode === 'iptables' ? 'IP-MASQ' : 'nat-cali-nat-outgoing'),
    remedies: ['network-setting'],
  },
  {
    title: 'a rule by hand',
    scenario: dial('rule', 'plain-server', '10.0.0.9', 9000, { source: { port: 8080 } }),
    cause: 'snat-rule',
    responsible: { object: 'rule in ip nat POSTROUTING on plain-router' },
    ruleIn: () => 'POSTROUTING',
    remedies: ['rule'],
  },
  {
    title: 'a load balancer that translates, before a node port under policy Local',
    scenario: dial('lb', 'client', LB_IP, LB_PORT),
    cause: 'load-balancer',
    responsible: { object: 'load balancer lb' },
    ruleIn: () => 'POSTROUTING',
    remedies: ['proxy-protocol', 'forwarded-header', 'rule'],
  },
  {
    title: 'a proxy',
    scenario: requestsAndNames.find(({ id }) => id === 's9-ingress-a') as Scenario,
    cause: 'proxy',
    responsible: { object: 'Pod ingress-nginx-1 (nginx)' },
    remedies: ['forwarded-header'],
  },
];

export const UNDER_ALL: Case = {
  title: 'a ClusterIP from a pod, with masqueradeAll',
  scenario: dial('all', 'toolbox-a', TEST.ip, TEST.port, until('service-test-2')),
  cause: 'masquerade-all',
  responsible: (mode) => ({ object: 'kube-proxy', field: `${mode}.masqueradeAll`, value: 'true' }),
  markedIn: perMode(serviceChain(TEST, 'svc'), 'services'),
  remedies: ['kube-proxy-setting'],
};

/** The settings under which all of CASES come about. */
export const settings = (mode: Mode): Program[] => [
  ...networkPlugins(mode),
  ...translatingLoadBalancer(NODE_A, LOCAL.nodePort),
  ...routedClusterIp(RANGES, NODE_A),
];

export const everything = (mode: Mode): Program[] =>
  masqueradeAll(mode, { service: TEST, endpoints: [BACKEND_A, BACKEND_B] });

/** @param prefix of the lab that it was traced in */
export function check(one: Case, mode: Mode, request: Request | undefined, prefix = ''): void {
  expect(request, 'told').toBeDefined();
  const { clientIp, hops } = JSON.parse(JSON.stringify(request).replaceAll(prefix, '')) as Request;
  const { responsible } = one;
  expect(clientIp).toMatchObject({
    verdict: one.cause === 'proxy' ? 'carried' : 'lost',
    cause: one.cause,
    responsible: typeof responsible === 'function' ? responsible(mode) : responsible,
  });
  expect(clientIp.remedies.map(({ kind }) => kind)).toEqual(one.remedies);
  const hop = hops[clientIp.lostAtHop ?? -1];
  expect(hop?.markedBy?.chain).toBe(one.markedIn?.(mode));
  if (one.ruleIn !== undefined) expect(hop?.rule?.chain).toBe(one.ruleIn(mode));
}
