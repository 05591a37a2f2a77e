/** Who had an address when: the API and the machine change, and what was told stays told. */
import { describe, expect, it } from 'vitest';
import { ClusterKnowledge } from '../../../src/cluster/knowledge.ts';
import type { LinkFact, NameEvent, NetnsEvent } from '../../../src/events/event.ts';
import type {
  KubeEvent,
  KubeNode,
  KubeObject,
  KubePod,
  KubeService,
  KubeSlice,
} from '../../../src/events/kube.ts';

const SECOND = 1_000_000_000;
const [NODE, POD, CLIENT, ISLAND, ISLANDER] = [1, 2, 3, 4, 5];
const CLUSTER = 'cluster';

const veth = (ifindex: number, address: string, peerNetns: number, peerIfindex: number): LinkFact => ({
  ifindex,
  name: `eth${ifindex}`,
  type: 'veth',
  addresses: address === '' ? [] : [address],
  peerIfindex,
  peerElsewhere: true,
  peerNetns,
});
const netns = (
  id: number,
  role: NetnsEvent['role'],
  links: LinkFact[],
  more: Partial<NetnsEvent> = {},
): NetnsEvent => ({
  kind: 'netns',
  at: 0,
  netns: id,
  name: `netns-${id}`,
  role,
  links,
  listeners: [],
  ...more,
});

/** A node with a pod and a client; and two containers on a network of their own, with the pods' addresses. */
const MACHINE: readonly NetnsEvent[] = [
  netns(NODE, 'node', [veth(2, '10.100.0.2/24', CLIENT, 2), veth(3, '10.0.1.1/24', POD, 2)], {
    node: 'machine-a',
  }),
  netns(POD, 'pod', [veth(2, '10.0.1.11/24', NODE, 3)], { node: 'machine-a' }),
  netns(CLIENT, 'other', [veth(2, '198.51.100.7/24', NODE, 2)]),
  netns(ISLAND, 'other', [veth(2, '10.0.1.11/24', ISLANDER, 2)]),
  netns(ISLANDER, 'other', [veth(2, '10.0.1.12/24', ISLAND, 2)]),
];

const node: KubeNode = {
  resource: 'node',
  name: 'node-a',
  uid: 'node-a',
  version: '1',
  addresses: ['10.100.0.2'],
  podCIDRs: ['10.0.1.0/24'],
  ready: true,
};
const otherNode: KubeNode = {
  ...node,
  name: 'node-b',
  uid: 'node-b',
  addresses: ['10.100.0.3'],
  podCIDRs: ['10.0.2.0/24'],
};
const pod = (name: string, ip: string, more: Partial<KubePod> = {}): KubePod => ({
  resource: 'pod',
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  version: '1',
  node: ip.startsWith('10.0.2.') ? 'node-b' : 'node-a',
  podIPs: [ip],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  containers: [{ name: 'app', ports: [] }],
  ...more,
});
const web: KubeService = {
  resource: 'service',
  namespace: 'default',
  name: 'web',
  uid: 'uid-web',
  version: '1',
  type: 'LoadBalancer',
  clusterIPs: ['10.3.0.1'],
  externalIPs: [],
  loadBalancerIPs: ['203.0.113.10'],
  loadBalancerProxyIPs: [],
  ports: [{ name: 'http', protocol: 'tcp', port: 80, targetPort: 8080, nodePort: 32001 }],
  externalTrafficPolicy: 'Cluster',
  sessionAffinity: 'None',
  loadBalancerSourceRanges: [],
  hasSelector: true,
};
const slice: KubeSlice = {
  resource: 'slice',
  namespace: 'default',
  name: 'web-1',
  uid: 'uid-web-1',
  version: '1',
  service: 'web',
  endpoints: [
    {
      addresses: ['10.0.2.2'],
      ready: true,
      serving: true,
      terminating: false,
      node: 'node-b',
      pod: 'default/far',
    },
  ],
  ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
};

const is = (object: KubeObject, at = 0): KubeEvent => ({ kind: 'kube', at, cluster: CLUSTER, object });
const gone = (object: KubeObject, at: number): NameEvent => ({
  kind: 'kube-gone',
  at,
  cluster: CLUSTER,
  resource: object.resource,
  uid: object.uid,
});
const state = (now: 'in-step' | 'away', at: number, text = ''): NameEvent => ({
  kind: 'kube-state',
  at,
  cluster: CLUSTER,
  state: now,
  unread: [],
  text,
});

const near = pod('near', '10.0.1.11');
const far = pod('far', '10.0.2.2');
const START: readonly NameEvent[] = [
  ...MACHINE,
  ...[node, otherNode, near, far, web, slice].map((object) => is(object, 2 * SECOND)),
  state('in-step', 3 * SECOND),
];

function knowing(...events: readonly NameEvent[]): ClusterKnowledge {
  const knowledge = new ClusterKnowledge();
  for (const event of events) knowledge.take(event);
  return knowledge;
}
const nameAt = (known: ClusterKnowledge, ip: string, at: number, from = NODE): string | undefined =>
  known.endpoint(from, ip, 8080, 'tcp', at).name;

describe('an address that changes hands', () => {
  const successor = pod('successor', '10.0.2.2');
  const moved = [...START, gone(far, 60 * SECOND), is(successor, 70 * SECOND)];

  it('was its first owner before, whenever it is asked', () => {
    const known = knowing(...moved);
    expect(nameAt(known, '10.0.2.2', 10 * SECOND)).toBe('default/far');
    expect(nameAt(known, '10.0.2.2', 80 * SECOND)).toBe('default/successor');
    expect(nameAt(known, '10.0.2.2', 10 * SECOND)).toBe('default/far');
  });

  it('was what it was before the API was read at all', () => {
    expect(nameAt(knowing(...moved), '10.0.2.2', 1)).toBe('default/far');
  });

  it('is nobody where either may have had it', () => {
    const known = knowing(...moved);
    expect(known.endpoint(NODE, '10.0.2.2', 8080, 'tcp', 65 * SECOND)).toEqual({
      ip: '10.0.2.2',
      port: 8080,
      kind: 'pod',
      node: 'node-b',
    });
    // Long before the next is told of, nobody has it, and stale entries lead to the last.
    const late = knowing(...START, gone(far, 60 * SECOND), is(successor, 600 * SECOND));
    expect(nameAt(late, '10.0.2.2', 65 * SECOND)).toBe('default/far');
  });

  it('is not that of a Pod that has ended, though its status still says so', () => {
    const ended = is({ ...far, version: '2', phase: 'Succeeded' }, 60 * SECOND);
    const known = knowing(...START, ended, is(successor, 61 * SECOND));
    expect(nameAt(known, '10.0.2.2', 80 * SECOND)).toBe('default/successor');
    expect(nameAt(known, '10.0.2.2', 10 * SECOND)).toBe('default/far');
  });

  it('is told of the book of its time too', () => {
    const local = is({ ...web, version: '2', externalTrafficPolicy: 'Local' }, 60 * SECOND);
    const known = knowing(...START, local);
    const policy = (at: number) => known.cluster(NODE, at)?.service('default/web')?.externalTrafficPolicy;
    expect([policy(10 * SECOND), policy(61 * SECOND)]).toEqual(['Cluster', 'Local']);
    expect(known.cluster(NODE, SECOND)?.service('default/web')?.endpoints).toEqual([
      {
        ip: '10.0.2.2',
        port: 8080,
        protocol: 'tcp',
        portName: 'http',
        pod: 'default/far',
        node: 'node-b',
        ready: true,
        serving: true,
        terminating: false,
      },
    ]);
  });

  it('keeps its name while that of the machine changes', () => {
    const known = knowing(
      ...START,
      { kind: 'netns-gone', at: 60 * SECOND, netns: POD },
      gone(near, 61 * SECOND),
      { ...netns(9, 'pod', [veth(2, '10.0.1.11/24', NODE, 3)], { podUid: 'uid-next' }), at: 70 * SECOND },
      is(pod('next', '10.0.1.11'), 71 * SECOND),
    );
    expect(nameAt(known, '10.0.1.11', 10 * SECOND)).toBe('default/near');
    expect(nameAt(known, '10.0.1.11', 80 * SECOND)).toBe('default/next');
  });
});

describe('what several tell of one cluster', () => {
  it('counts once, and the newer of two states', () => {
    const known = knowing(
      ...START,
      is({ ...far, version: '10', ready: false }, 10 * SECOND),
      // Another node's nathop, which is behind.
      is({ ...far, version: '9', podIPs: ['10.0.2.3'] }, 11 * SECOND),
      is(web, 11 * SECOND),
    );
    expect(known.cluster(NODE, 20 * SECOND)?.pod('default/far')).toMatchObject({
      ips: ['10.0.2.2'],
      ready: false,
    });
    expect(known.cluster(NODE, 20 * SECOND)?.services()).toHaveLength(1);
  });

  it('does not bring back what is gone', () => {
    const known = knowing(...START, gone(far, 60 * SECOND), is({ ...far, version: '2' }, 61 * SECOND));
    expect(known.cluster(NODE, 62 * SECOND)?.pod('default/far')).toBeUndefined();
  });
});

describe('names by the API', () => {
  const known = knowing(...START);
  const at = 10 * SECOND;

  it('are those of Services by ClusterIP, load balancer and node port, with the port', () => {
    for (const [ip, port] of [
      ['10.3.0.1', 80],
      ['203.0.113.10', 80],
      ['10.100.0.3', 32001],
    ] as const) {
      expect(known.endpoint(CLIENT, ip, port, 'tcp', at)).toEqual({
        ip,
        port,
        kind: 'service',
        name: 'default/web',
        portName: 'http',
      });
    }
    expect(known.endpoint(CLIENT, '10.3.0.1', 81, 'tcp', at)).toEqual({
      ip: '10.3.0.1',
      port: 81,
      kind: 'service',
      name: 'default/web',
    });
  });

  it('name nodes, and namespaces of Pods with their container', () => {
    expect(known.place(NODE, at)).toMatchObject({ name: 'node-a', node: 'node-a' });
    expect(known.place(POD, at)).toEqual({ name: 'default/near', node: 'node-a', role: 'pod' });
    expect(known.endpoint(POD, '10.0.1.11', 8080, 'tcp', at)).toMatchObject({
      kind: 'pod',
      container: 'app',
    });
    expect(known.endpoint(POD, '10.100.0.3', 80, 'tcp', at)).toMatchObject({ kind: 'node', name: 'node-b' });
  });

  it('say whose range an address is of that nobody is known to have', () => {
    expect(known.endpoint(NODE, '10.0.2.99', 80, 'tcp', at)).toEqual({
      ip: '10.0.2.99',
      port: 80,
      kind: 'unknown',
      node: 'node-b',
    });
  });

  it('are not given in a network that is none of the cluster', () => {
    expect(known.endpoint(ISLANDER, '10.0.1.11', 80, 'tcp', at)).toMatchObject({ name: `netns-${ISLAND}` });
    expect(known.endpoint(ISLANDER, '10.0.2.2', 80, 'tcp', at)).toEqual({
      ip: '10.0.2.2',
      port: 80,
      kind: 'external',
    });
    expect(known.endpoint(ISLANDER, '10.3.0.1', 80, 'tcp', at).kind).toBe('external');
    expect(known.endpoint(CLIENT, '10.0.1.11', 80, 'tcp', at).name).toBe('default/near');
  });

  it('are marked where the API was away', () => {
    const away = knowing(...START, state('away', 20 * SECOND, 'it is away'));
    expect(away.endpoint(NODE, '10.0.2.2', 80, 'tcp', 21 * SECOND)).toMatchObject({
      name: 'default/far',
      stale: true,
    });
    expect(away.endpoint(NODE, '10.0.2.2', 80, 'tcp', at)).not.toHaveProperty('stale');
    expect(away.cluster(NODE, 21 * SECOND)).toMatchObject({ api: 'away', note: 'it is away' });
  });

  it('tell a Pod on its node’s network by the process, and a container by its id', () => {
    const id = 'c'.repeat(64);
    const host = pod('proxy', '10.100.0.2', {
      hostNetwork: true,
      staticUid: 'static-uid',
      containers: [
        { name: 'side', ports: [] },
        { name: 'main', id, ports: [] },
      ],
    });
    const process = { pid: 77, comm: 'proxy' };
    const withProcess: NetnsEvent = {
      ...(MACHINE[0] as NetnsEvent),
      at: 4 * SECOND,
      tenants: [{ pid: 77, podUid: 'static-uid', container: id }],
    };
    const one = knowing(...START, is(host, 4 * SECOND), withProcess);
    expect(one.resident(NODE, process, at)).toEqual({
      name: 'default/proxy',
      node: 'node-a',
      container: 'main',
    });
    expect(one.resident(NODE, { pid: 78, comm: 'proxy' }, at)).toBeUndefined();
  });
});
