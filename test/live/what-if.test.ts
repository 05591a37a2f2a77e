/**
 * What is foretold of a request, held against what the same request meets after the change. Of traffic policies: the
 * lab is traced with policy Cluster, and again with the rules that kube-proxy writes for Local.
 */
import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { localPolicy, type Served } from '../../scripts/lab/changes.ts';
import { HOST_PORT } from '../../scripts/lab/rules.ts';
import { BACKEND_A, BACKEND_B, client } from '../../scripts/lab/scenarios/common.ts';
import { DNS_EXTERNAL, DUAL, INGRESS, TEST } from '../../scripts/lab/scenarios/kube.ts';
import type { Dial, Expected, Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES, NODE_A, NODE_B, type Mode } from '../../scripts/lab/topology.ts';
import type { RemedyKind, Request, WhatIf } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { Attribution, traceLab, UNANSWERED_MS } from './trace-lab.ts';

const tracing = await traced();

/** What is dialled, by name; what comes of it is not expected here but compared. */
const ANY: Expected = { outcome: 'answered', states: [], rewrites: [] };
const to = (ip: string, port: number, more: Partial<Dial> = {}): Dial => ({
  ...client,
  timeoutMs: 1500,
  ...more,
  to: { ip, port },
  expect: ANY,
});
const one = (title: string, dial: Dial, more: Partial<Scenario> = {}): Scenario => ({
  id: title,
  row: 'S6',
  title,
  ...more,
  dials: [dial],
});

const LB_ADDRESS = '203.0.113.10';
const DIALS: readonly Scenario[] = [
  one('NodePort, endpoints on both nodes, by node-a', to(NODE_A.ip, TEST.nodePort)),
  one('NodePort, endpoints on both nodes, by node-b', to(NODE_B.ip, TEST.nodePort)),
  one('NodePort, endpoint on node-b alone, by node-a', to(NODE_A.ip, INGRESS.nodePort)),
  one('NodePort, endpoint on node-b alone, by node-b', to(NODE_B.ip, INGRESS.nodePort)),
  one('LoadBalancer announced by node-a, endpoint on node-b alone', to(LB_ADDRESS, 80)),
  one('LoadBalancer announced by node-b, endpoint on node-b alone', to(LB_ADDRESS, 80), {
    prepare: [{ kind: 'announce', ip: LB_ADDRESS, node: NODE_B }],
  }),
  one('NodePort of node-a from a pod of node-a', to(NODE_A.ip, TEST.nodePort, { from: 'toolbox-a' })),
  one('NodePort of node-b from a pod of node-a', to(NODE_B.ip, TEST.nodePort, { from: 'toolbox-a' })),
  one(
    'NodePort without an endpoint there, from a pod',
    to(NODE_A.ip, INGRESS.nodePort, { from: 'toolbox-a' }),
  ),
  one('LoadBalancer from a process of node-b', to(LB_ADDRESS, 80, { from: 'node-b' })),
  one('NodePort over IPv6, by node-a', to(NODE_A.ip6, DUAL.nodePort)),
  one(
    'NodePort over UDP, endpoint on node-b alone, by node-a',
    to(NODE_A.ip, DNS_EXTERNAL.nodePort, { protocol: 'udp', ask: 'service-test.default.svc.cluster.local' }),
  ),
];

/** What is dialled in place of what loses the address. */
const INSTEAD = [
  {
    of: one('hostPort from a pod of its node', to(NODE_B.ip, HOST_PORT, { from: 'toolbox-b' })),
    by: one('that pod itself', to('10.0.2.2', 8080, { from: 'toolbox-b' })),
  },
  {
    of: one(
      'ClusterIP from its own pod',
      to(TEST.ip, TEST.port, { from: 'service-test-1', until: 'service-test-1' }),
    ),
    by: one('its own address', to('10.0.1.11', 8080, { from: 'service-test-1' })),
  },
  {
    of: one('NodePort of node-a from another pod', to(NODE_A.ip, TEST.nodePort, { from: 'toolbox-a' })),
    by: one('ClusterIP from that pod', to(TEST.ip, TEST.port, { from: 'toolbox-a' })),
  },
] as const;

/** Dropped under policy Local, and the same where a node has an endpoint. */
const ELSEWHERE = [
  {
    dropped: 'NodePort, endpoint on node-b alone, by node-a',
    elsewhere: 'NodePort, endpoint on node-b alone, by node-b',
  },
  {
    dropped: 'LoadBalancer announced by node-a, endpoint on node-b alone',
    elsewhere: 'LoadBalancer announced by node-b, endpoint on node-b alone',
  },
] as const;

const CHANGED: readonly Served[] = [
  { service: TEST, endpoints: [BACKEND_A, BACKEND_B] },
  { service: INGRESS, endpoints: ['10.0.2.20:80'], addresses: [LB_ADDRESS] },
  { service: DUAL, endpoints: ['[fd00:10:0:1::11]:8080', '[fd00:10:0:2::11]:8080'] },
  { service: DNS_EXTERNAL, endpoints: ['10.0.2.53:53'] },
];

/** The request of each, by title. */
async function trace(
  mode: Mode,
  changed: readonly Served[],
  scenarios: readonly Scenario[],
): Promise<ReadonlyMap<string, Request>> {
  const changes = changed.flatMap((served) => localPolicy(mode, served));
  // What is dropped is told so when it has been silent for 5 s.
  const run = await traceLab({ mode, prefix: 'nw-', changes }, scenarios, { settleMs: UNANSWERED_MS });
  rmSync(run.folder, { recursive: true, force: true });
  const attribution = new Attribution(run);
  return new Map(
    run.results.flatMap(({ scenario, dials }) =>
      dials.map(({ last }) => [scenario.title, attribution.of(last)] as const),
    ),
  );
}

/** What was seen, in the words in which it is foretold. */
function seen({ clientIp, server, failure }: Request): Partial<WhatIf> & { at?: string } {
  if (failure?.kind === 'no-local-endpoint') return { outcome: 'dropped' };
  if (server === undefined) return { outcome: 'unknown' };
  const at = server.ip.includes(':') ? `[${server.ip}]:${server.port}` : `${server.ip}:${server.port}`;
  return { outcome: 'delivered', clientIp: clientIp.verdict as 'preserved' | 'lost', at };
}

/** What the remedy of one request foretells is what the other met. */
function compare(of: Request | undefined, kind: RemedyKind, came: Request | undefined): void {
  const foretold = of?.clientIp.remedies.find((remedy) => remedy.kind === kind)?.whatIf;
  expect(foretold).toMatchObject({ computed: true });
  expect(foretold?.outcome).not.toBe('unknown');
  const { at, ...found } = seen(came as Request);
  expect(found).toEqual({
    outcome: foretold?.outcome,
    ...(foretold?.clientIp && { clientIp: foretold.clientIp }),
  });
  if (at !== undefined) expect(foretold?.servers).toContain(at);
}

tracing('what is foretold, and what comes of it', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let before: ReadonlyMap<string, Request>;
    let after: ReadonlyMap<string, Request>;

    beforeAll(async () => {
      before = await trace(mode, [], [...DIALS, ...INSTEAD.flatMap(({ of, by }) => [of, by])]);
      after = await trace(mode, CHANGED, DIALS);
    });

    it.each(DIALS)('Local: $title', ({ title }) => {
      compare(before.get(title), 'external-traffic-policy', after.get(title));
    });

    it.each(ELSEWHERE)('under Local: $dropped', ({ dropped, elsewhere }) => {
      expect(after.get(dropped)?.failure?.kind).toBe('no-local-endpoint');
      compare(after.get(dropped), 'another-node', after.get(elsewhere));
      compare(after.get(dropped), 'external-traffic-policy', before.get(dropped));
    });

    it.each(INSTEAD)('$of.title: $by.title instead', ({ of, by }) => {
      compare(before.get(of.title), 'dial-directly', before.get(by.title));
    });

    it('foretells each of the ways it can go', () => {
      const told = [...before.values()].flatMap(({ clientIp }) =>
        clientIp.remedies.flatMap(({ kind, whatIf }) =>
          kind === 'external-traffic-policy' && whatIf ? [`${whatIf.outcome} ${whatIf.clientIp ?? ''}`] : [],
        ),
      );
      expect(new Set(told)).toEqual(new Set(['delivered preserved', 'delivered lost', 'dropped ']));
    });
  });
});
