/** What failures are told as where the lab cannot make them: by the cluster's objects, and by what is missing. */
import { describe, expect, it } from 'vitest';
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import type { HeadEvent } from '../../src/events/head.ts';
import { invert } from '../../src/events/tuple.ts';
import type {
  ConntrackView,
  DropEvent,
  EntryGoneEvent,
  Event,
  NetnsId,
  PacketEvent,
} from '../../src/events/event.ts';
import type { ClusterBook, EndpointFacts, ServiceFacts } from '../../src/trace/knowledge.ts';
import type { Failure, Request } from '../../src/trace/request.ts';
import { newEngine, recorded, requestsOf } from '../support/engine.ts';

const service = (name: string, ip: string, endpoints: readonly EndpointFacts[]): ServiceFacts => ({
  from: 'api',
  name,
  clusterIPs: [ip],
  externalIPs: [],
  loadBalancerIPs: [],
  ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
  hasSelector: true,
  endpoints,
});

const endpoint = (state: Pick<EndpointFacts, 'ready' | 'serving' | 'terminating'>): EndpointFacts => ({
  ip: '10.0.1.66',
  port: 8080,
  protocol: 'tcp',
  pod: 'default/web-1',
  ...state,
});
const waiting = endpoint({ ready: false, serving: false, terminating: false });
const ending = endpoint({ ready: false, serving: true, terminating: true });

/** The recording of the lab, with what an API would tell of its Services besides. */
class WithObjects extends ClusterKnowledge {
  readonly #services: readonly ServiceFacts[];

  constructor(services: readonly ServiceFacts[]) {
    super();
    this.#services = services;
  }

  override cluster(_netns: NetnsId, _at: number): ClusterBook {
    return {
      service: (name) => this.#services.find((one) => one.name === name),
      services: () => this.#services,
      node: () => undefined,
      nodes: () => [],
      pod: () => undefined,
      ingresses: () => [],
      api: 'in-step',
    };
  }
}

function failureAt(ip: string, port: number, services: readonly ServiceFacts[]): Failure | undefined {
  const engine = newEngine({}, new WithObjects(services));
  const told = requestsOf(recorded('iptables'), engine);
  return told.find(({ dialled }) => dialled.ip === ip && dialled.port === port)?.failure;
}

describe('a Service without a ready endpoint', () => {
  const name = 'default/no-pods';
  const at = (endpoints: readonly EndpointFacts[]): Failure | undefined =>
    failureAt('10.3.243.1', 80, [service(name, '10.3.243.1', endpoints)]);

  it.each([
    ['no-pods', [], 'no endpoints at all', '--show-labels'],
    ['not-ready', [waiting], 'default/web-1 (10.0.1.66:8080) is not ready', 'describe pod web-1'],
    ['not-ready', [ending, waiting], 'terminating, still serving', 'describe pod web-1'],
    ['terminating', [ending], 'terminating, still serving', 'get pods'],
  ])('is told apart by its objects: %s', (detail, endpoints, evidence, next) => {
    const failure = at(endpoints);
    expect(failure).toMatchObject({ kind: 'rejected-no-endpoints', detail });
    expect(failure?.evidence.join('\n')).toContain(evidence);
    expect(failure?.next).toContain(next);
  });

  it('whose objects are not known leaves it open', () => {
    expect(failureAt('10.3.243.1', 80, [])).not.toHaveProperty('detail');
  });
});

describe('an address that led out of the cluster', () => {
  const services = ['10.3.241.152', '10.3.241.161', '10.3.242.10'].map((ip, at) =>
    service(`default/service-${String(at)}`, ip, []),
  );

  it('is a Service’s, at a port that it does not have', () => {
    const failure = failureAt('10.3.241.152', 81, services);
    expect(failure).toMatchObject({ kind: 'dropped-by-kernel', detail: 'unknown-port' });
    expect(failure?.text).toContain('10.3.241.152 is Service default/service-0, which has no port 81');
    expect(failure?.next).toContain('80 (http)');
  });

  it('lies among the ClusterIPs, and no Service has it', () => {
    expect(failureAt('10.3.254.254', 80, services)).toMatchObject({
      kind: 'dropped-by-kernel',
      detail: 'unassigned-cluster-ip',
    });
  });

  it('is only an address where no Service is known', () => {
    expect(failureAt('10.3.254.254', 80, [])).toMatchObject({ detail: 'no-route' });
  });
});

describe('a connection that its node forgot', () => {
  const events = recorded('failures-iptables');
  const asked = (stream: readonly Event[]): Request | undefined =>
    requestsOf(stream).find(({ http }) => http?.path === '/later');
  const toldOf = (stream: readonly Event[]): Failure | undefined => asked(stream)?.failure;
  const port = asked(events)?.client.port;
  const entry = events.find(
    (event): event is PacketEvent & { conntrack: ConntrackView } =>
      event.kind === 'packet' &&
      event.conntrack?.original.sport === port &&
      event.conntrack?.masqueradeIndex !== 0,
  );
  const reset = events.find(
    (event): event is PacketEvent =>
      event.kind === 'packet' &&
      event.netns === entry?.netns &&
      (event.flags & 4) !== 0 &&
      event.tuple.sport === entry.conntrack.reply.dport,
  );
  const before = (netns: number | undefined, why: EntryGoneEvent['why']): Event[] =>
    events.flatMap((event): Event[] => {
      if (event !== reset || entry === undefined || netns === undefined) return [event];
      const { zone, original } = entry.conntrack;
      return [{ kind: 'entry-gone', at: event.at - 1, netns, zone, why, original }, event];
    });

  it('is known by the reset of who translates it, if nothing tells why', () => {
    expect(toldOf(events)).toMatchObject({ kind: 'reset', detail: 'entry-gone' });
    expect(toldOf(events)?.next).toMatch(/timeout_established.*conntrack -D/);
  });

  it.each([
    ['expired', 'had expired', 'timeout_established'],
    ['deleted', 'a process had deleted', 'conntrack -F'],
    ['removed', 'had been removed before its time', 'early_drop'],
  ] as const)('and why, where conntrack tells it: %s', (why, text, next) => {
    const failure = toldOf(before(reset?.netns, why));
    expect(failure?.text).toContain(text);
    expect(failure?.evidence).toContainEqual(expect.stringContaining('conntrack forgot 10.0.1.99:'));
    expect(failure?.next).toContain(next);
  });

  const isAnswer = (event: Event): event is HeadEvent =>
    event.kind === 'head' &&
    event.message.what === 'http-response' &&
    event.at > (reset?.at ?? Infinity) &&
    event.at < (reset?.at ?? 0) + 1e9;
  const answer = events.find(isAnswer);
  const withoutAnswer = (stream: readonly Event[]): Event[] => stream.filter((event) => !isAnswer(event));

  it('was answered all the same, if the answer had come before', () => {
    const sooner = (reset?.at ?? 0) - 2.2e9;
    const place = events.findIndex(({ at }) => at > sooner);
    const rest = withoutAnswer(events);
    expect(answer).toBeDefined();
    if (answer === undefined) return;
    const told = asked([...rest.slice(0, place), { ...answer, at: sooner }, ...rest.slice(place)]);
    expect(told).toMatchObject({ http: { status: 200 } });
    expect(told?.failure).toBeUndefined();
  });

  it('is another where a rule resets the answer', () => {
    const dropped = events.flatMap((event): Event[] => {
      if (event !== reset || entry === undefined) return [event];
      const drop: DropEvent = {
        ...{ kind: 'drop', at: event.at + 1, netns: event.netns, inIfindex: 0, skb: 1 },
        ...{ reason: 'NETFILTER_DROP', location: 'nf_hook_slow', stack: ['nf_hook_slow', 'ip_forward'] },
        ...{ flags: 24, seq: 0, ack: 0, tuple: invert(event.tuple) },
      };
      return [event, drop];
    });
    expect(dropped.length).toBe(events.length + 1);
    expect(toldOf(dropped)).toBeUndefined();
  });

  it.each([
    ['translated anew, and reset by who does not know it', 1, { detail: 'entry-gone' }],
    ['translated as before, and reset for another reason', 0, { reason: 'RST' }],
  ])('and what the client sent later was %s', (_, moved, failure) => {
    const anew = before(reset?.netns, 'expired').flatMap((event): Event[] => {
      if (event !== reset || entry === undefined) return [event];
      const { conntrack, ...packet } = entry;
      const reply = { ...conntrack.reply, dport: conntrack.reply.dport + moved };
      return [
        {
          ...{ ...packet, at: event.at, skb: event.skb, ifindex: entry.inIfindex, inIfindex: entry.ifindex },
          ...{ flags: 4, seq: 1, ack: 0, tuple: invert(conntrack.original) },
          conntrack: { ...conntrack, info: 'established-reply', reply },
        },
      ];
    });
    const told = requestsOf(withoutAnswer(anew)).find(({ http }) => http?.path === '/later')?.failure;
    expect(told).toMatchObject({ kind: 'reset', ...failure });
    expect(told?.detail === 'entry-gone').toBe(moved === 1);
  });

  it('takes no word for it from a namespace that did not have it', () => {
    expect(toldOf(before(1, 'deleted'))).toEqual(toldOf(events));
  });
});

it('makes nothing of an ICMP redirect that netfilter dropped', () => {
  const events = recorded('iptables');
  const isTranslated = (event: Event): event is PacketEvent & { conntrack: ConntrackView } =>
    event.kind === 'packet' && event.conntrack?.info === 'new' && event.conntrack.masqueradeIndex !== 0;
  const advised = events.flatMap((event): Event[] => {
    if (!isTranslated(event)) return [event];
    const { at, skb, conntrack } = event;
    const { original } = conntrack;
    const redirect: DropEvent = {
      ...{ kind: 'drop', at, netns: 1, inIfindex: 0, skb: skb + 1 },
      ...{ reason: 'NETFILTER_DROP', location: 'nf_hook_slow', stack: ['nf_hook_slow', '__ip_local_out'] },
      ...{ flags: original.src.includes(':') ? 137 : 5, seq: 0, ack: 0 },
      tuple: { protocol: 'icmp', src: original.dst, dst: original.src, sport: 1, dport: 0 },
      conntrack: { ...conntrack, info: 'related-reply' },
    };
    return [redirect, event];
  });
  expect(advised.length).toBeGreaterThan(events.length);
  expect(requestsOf(advised)).toEqual(requestsOf(events));
});
