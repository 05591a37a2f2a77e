/** What must be true of the request that a dial made, hop by hop, in the shape in which nathop tells it. */
import { expect } from 'vitest';
import type { Attempt } from '../../scripts/lab/lab.ts';
import {
  expectedIn,
  type Dial,
  type Expected,
  type ExpectedRewrite,
  type Scenario,
} from '../../scripts/lab/scenarios/scenario.ts';
import {
  NODE_A,
  NODE_B,
  PODS,
  topology,
  type ClusterNode,
  type Identity,
} from '../../scripts/lab/topology.ts';
import type { RecordingHeader } from '../../src/events/recording.ts';
import { formatEndpoint } from '../../src/events/tuple.ts';
import type { Ends, Endpoint, Hop, Request } from '../../src/trace/request.ts';
import { roadOf, type Step, type Stop } from './road.ts';

/** A hop without what differs from run to run: numbers of namespaces and processes, times, a rule's text. */
export interface HopStory {
  kind: Hop['kind'];
  netns: string | undefined;
  node?: string | undefined;
  hook?: string | undefined;
  hookObserved?: boolean | undefined;
  device?: { in?: string; out?: string } | undefined;
  before: Ends | undefined;
  after: Ends | undefined;
  rule?: { chain: string; via: string[]; service?: string | undefined } | undefined;
  process?: string | undefined;
  observed: boolean;
}

export interface Story {
  hops: HopStory[];
  replyHops: HopStory[];
  /** Index of the hop at which the source address became another. */
  lostAtHop?: number;
  /** Index of the hop that refused it. */
  failedAt?: number;
  server?: { netns: string; ip: string; port?: number };
}

const CLIENT_NAMES = { tcp: 'http-get', udp: undefined, icmp: undefined, sctp: undefined } as const;

export function tell(hop: Hop): HopStory {
  return {
    kind: hop.kind,
    netns: hop.netns?.name,
    node: hop.node,
    hook: hop.hook,
    hookObserved: hop.hookObserved,
    device: hop.device,
    before: hop.before,
    after: hop.after,
    rule: hop.rule && { chain: hop.rule.chain, via: hop.rule.via, service: hop.rule.service },
    process: hop.process?.comm,
    observed: hop.observed,
  };
}

/** What a dial met, and the request that nathop made of it. */
export interface Case {
  readonly lab: Identity;
  readonly scenario: Scenario;
  readonly dial: Dial;
  readonly attempt: Attempt;
  readonly actual: Request;
  /** What it was traced with: the tracepoints of a kernel that lacks nothing, if it does not say. */
  readonly probes?: RecordingHeader['probes'];
}

/** The story of a dial's last attempt, as the lab's wiring, the scenario and the servers' answers have it. */
export const storyOf = (what: Case): Story => new Teller(what).story();

/** One end of a packet; without a port where any may stand. */
interface End {
  readonly ip: string;
  readonly port?: number | undefined;
}
interface Pair {
  readonly src: End;
  readonly dst: End;
}

class Teller {
  readonly #prefix: string;
  readonly #dial: Dial;
  readonly #expected: Expected;
  readonly #attempt: Attempt;
  readonly #mode: Identity['mode'];
  /** The kernel itself told the hook of what its rules did. */
  readonly #precise: boolean;
  /** And why it dropped, of which a packet that found no socket is one. */
  readonly #reasons: boolean;
  readonly #actual: Request;
  readonly #announced: Readonly<Record<string, ClusterNode>>;

  constructor({ lab, scenario, dial, attempt, actual, probes }: Case) {
    this.#prefix = lab.prefix;
    this.#mode = lab.mode;
    this.#precise = probes?.set === 'precise';
    this.#reasons = probes?.missing.some((lack) => lack.startsWith('drops')) !== true;
    this.#dial = dial;
    this.#expected = expectedIn(dial, lab.mode);
    this.#attempt = attempt;
    this.#actual = actual;
    this.#announced = Object.fromEntries(
      (scenario.prepare ?? []).flatMap((step) => (step.kind === 'announce' ? [[step.ip, step.node]] : [])),
    );
  }

  story(): Story {
    const { rewrites, refusal, outcome } = this.#expected;
    const road = roadOf({
      from: this.#dial.from,
      to: this.#dial.to.ip,
      rewritten: new Map(rewrites.filter(isDestination).map(({ node, to }) => [node, endOf(to).ip])),
      ...(refusal && { stoppedAt: refusal.node }),
      announced: this.#announced,
    });
    const hops: HopStory[] = [];
    let pair: Pair = { src: this.#client(), dst: this.#dialled() };
    for (const stop of road) pair = this.#pass(stop, pair, hops);
    const story: Story = { hops, replyHops: [] };
    const last = road.at(-1) as Stop;
    this.#lose(story);
    if (outcome === 'answered') this.#deliver(story, last, pair);
    else this.#fail(story, last, pair);
    this.#comeBack(story, last, pair);
    const dialler = CLIENT_NAMES[this.#dial.protocol];
    if (dialler !== undefined) (story.hops[0] as HopStory).process ??= dialler;
    return story;
  }

  /** Rewrites where they happen, then the devices; inside a bridge a packet shows between the two. */
  #pass(stop: Stop, before: Pair, hops: HopStory[]): Pair {
    const steps = this.#inOrder(stop.steps.filter((step) => this.#isThere(stop.netns, step, 'hops')));
    const rewrites = this.#expected.rewrites.filter(({ node }) => node === stop.netns);
    const inBridge = steps.filter((step) => step.maybe);
    let pair = before;
    for (const rewrite of rewrites) {
      if (!isDestination(rewrite)) pair = this.#devices(stop, inBridge.splice(0), pair, hops);
      pair = this.#rewrite(stop, rewrite, pair, hops);
    }
    pair = this.#devices(stop, inBridge.splice(0), pair, hops);
    return this.#devices(
      stop,
      steps.filter((step) => !step.maybe),
      pair,
      hops,
    );
  }

  #rewrite(stop: Stop, rewrite: ExpectedRewrite, pair: Pair, hops: HopStory[]): Pair {
    const { kind, hook, to, rule, service } = rewrite;
    const end = endOf(to);
    const after: Pair = isDestination(rewrite)
      ? { ...pair, dst: this.#dial.protocol === 'icmp' ? { ip: end.ip } : end }
      : { ...pair, src: { ip: end.ip, port: end.port ?? this.#seen(end.ip)?.port } };
    const { chain, via } = rule?.[this.#mode] ?? { chain: '', via: [] };
    // kube-proxy's masquerade serves all Services by one rule: for which, the way to it tells.
    const named = service ?? this.#expected.rewrites.find((one) => one.service !== undefined)?.service;
    const servesAll = kind === 'masquerade' && /^(KUBE-POSTROUTING|masquerading)$/.test(chain);
    hops.push({
      ...this.#at(kind, stop.netns),
      hook,
      hookObserved: this.#precise,
      device: deviceOf(hook, stop),
      before: this.#ends(pair),
      after: this.#ends(after),
      rule: rule && { chain, via: [...via], service: servesAll ? named : service },
    });
    return after;
  }

  #devices({ netns }: Stop, steps: readonly Step[], pair: Pair, hops: HopStory[]): Pair {
    const ends = this.#ends(pair);
    for (const { in: from, out } of steps) {
      const device = { ...(from !== undefined && { in: from }), out };
      hops.push({ ...this.#at('device', netns), device, before: ends, after: ends });
    }
    return pair;
  }

  #lose(story: Story): void {
    const { verdict, rewrites } = this.#expected;
    // What nobody answered may have lost its address on the way all the same.
    if (verdict === 'preserved' || rewrites.every(isDestination)) return;
    story.lostAtHop = story.hops.findLastIndex(({ kind }) => kind === 'snat' || kind === 'masquerade');
  }

  #deliver(story: Story, stop: Stop, { src, dst }: Pair): void {
    const { server } = this.#expected;
    const ends = this.#ends({ src: this.#attempt.peer ?? src, dst });
    story.hops.push({
      ...this.#at('deliver', stop.netns),
      hook: 'INPUT',
      hookObserved: false,
      device: { in: 'eth0' },
      before: ends,
      after: ends,
      // No socket of the kernel listens for the others.
      process: ['tcp', 'udp'].includes(this.#dial.protocol) ? programOf(server) : undefined,
    });
    const port = this.#dial.protocol === 'icmp' ? undefined : dst.port;
    story.server = { netns: stop.netns, ip: dst.ip, ...(port !== undefined && { port }) };
  }

  #fail(story: Story, stop: Stop, pair: Pair): void {
    const { refusal, outcome } = this.#expected;
    if (refusal === undefined && outcome === 'timeout') {
      // Where it was last seen.
      story.failedAt = story.hops.length - 1;
      return;
    }
    const ends = this.#ends(pair);
    const hook = refusal?.hook;
    const service = this.#actual.hops.at(-1)?.rule?.service;
    const inDevice = pair.dst.ip.startsWith('127.') ? 'lo' : stop.in;
    const findsNoSocket = outcome === 'refused' && refusal === undefined;
    story.failedAt = story.hops.length;
    story.hops.push({
      ...this.#at(refusal?.kind ?? 'reject', stop.netns),
      hook,
      hookObserved: hook && true,
      device: inDevice === undefined || (findsNoSocket && !this.#reasons) ? undefined : { in: inDevice },
      before: ends,
      after: ends,
      rule: refusal && { chain: refusal.rule.chain, via: [...refusal.rule.via], service },
    });
  }

  /**
   * The answer's way, as far as it is seen: it ends with the last device before the client. Inside a bridge it shows
   * between the rewrites too.
   */
  #comeBack(story: Story, from: Stop, { src, dst }: Pair): void {
    const { outcome, refusal, rewrites } = this.#expected;
    // An ICMP error is no answer; neither is silence.
    if (outcome === 'timeout' || outcome === 'unreachable' || refusal !== undefined) return;
    const sources = new Map(
      rewrites.filter((one) => !isDestination(one)).map(({ node }) => [node, this.#client().ip]),
    );
    const seen = this.#attempt.peer ?? src;
    const road = roadOf({ from: from.netns, to: seen.ip, rewritten: sources, announced: this.#announced });
    let pair: Pair = { src: dst, dst: seen };
    for (const stop of road) {
      // A reset is said once, by its first device.
      if (stop.steps.length === 0 || (outcome === 'refused' && stop !== road[0])) break;
      const here = rewrites.filter(({ node }) => node === stop.netns).reverse();
      const steps = stop.steps.filter((step) => this.#isThere(stop.netns, step, 'replyHops'));
      const inBridge = steps.filter((step) => step.maybe);
      for (const rewrite of here) {
        if (isDestination(rewrite)) this.#devices(stop, inBridge.splice(0), pair, story.replyHops);
        pair = this.#undo(stop, rewrite, pair, story.replyHops);
      }
      this.#devices(stop, inBridge, pair, story.replyHops);
      this.#devices(
        stop,
        steps.filter((step) => !step.maybe),
        pair,
        story.replyHops,
      );
    }
  }

  #undo(stop: Stop, rewrite: ExpectedRewrite, pair: Pair, hops: HopStory[]): Pair {
    const destination = isDestination(rewrite);
    const after = destination ? { ...pair, src: this.#dialled() } : { ...pair, dst: this.#client() };
    hops.push({
      ...this.#at(destination ? 'snat' : 'dnat', stop.netns),
      hook: destination ? 'POSTROUTING' : stop.in === undefined ? 'OUTPUT' : 'PREROUTING',
      hookObserved: false,
      before: this.#ends(pair),
      after: this.#ends(after),
    });
    return after;
  }

  #isThere(netns: string, step: Step, where: 'hops' | 'replyHops'): boolean {
    if (!step.maybe) return true;
    return this.#actual[where].some(
      (hop) =>
        hop.kind === 'device' && hop.netns?.name === this.#prefix + netns && hop.device?.out === step.out,
    );
  }

  /** A bridge sends to all its ports in an order of its own. */
  #inOrder(steps: readonly Step[]): readonly Step[] {
    const place = ({ flood, out }: Step): number =>
      flood ? this.#actual.hops.findIndex((hop) => hop.kind === 'device' && hop.device?.out === out) : -1;
    return [...steps].sort((a, b) => place(a) - place(b));
  }

  #at(kind: Hop['kind'], netns: string): Pick<HopStory, 'kind' | 'netns' | 'node' | 'observed'> {
    const node = nodeOf(netns);
    return { kind, netns: this.#prefix + netns, node: node && this.#prefix + node, observed: true };
  }

  #client(): End {
    return this.#attempt.from;
  }

  #dialled(): End {
    const { protocol, to } = this.#dial;
    return protocol === 'icmp' ? { ip: to.ip, port: 0 } : to;
  }

  /** The server's word for the source, where the rewrite left it like that. */
  #seen(ip: string): End | undefined {
    const { peer } = this.#attempt;
    if (this.#dial.protocol === 'icmp') return { ip, port: this.#attempt.from.port };
    return peer?.ip === ip ? peer : undefined;
  }

  /** ICMP's identifier stands on the source's side in both directions. */
  #ends({ src, dst }: Pair): Ends {
    if (this.#dial.protocol === 'icmp') {
      const { port } = this.#attempt.from;
      return { src: formatEndpoint(src.ip, port), dst: dst.ip };
    }
    return { src: written(src), dst: written(dst) };
  }
}

/** An end as nathop writes it; what matches any port where it is not known. */
function written({ ip, port }: End): string {
  if (port !== undefined) return formatEndpoint(ip, port);
  const pattern = new RegExp(
    `^${formatEndpoint(ip, 1)
      .slice(0, -1)
      .replace(/[.[\]]/g, '\\$&')}\\d+$`,
  );
  return expect.stringMatching(pattern) as string;
}

function deviceOf(hook: string, stop: Stop): { in?: string; out?: string } | undefined {
  const out = stop.steps.find((step) => step.out === 'cbr0' || !step.out.startsWith('veth'))?.out;
  if (hook === 'POSTROUTING') return out === undefined ? undefined : { out };
  return stop.in === undefined ? undefined : { in: stop.in };
}

const isDestination = ({ kind }: ExpectedRewrite): boolean => kind === 'dnat' || kind === 'redirect';

/** Of `10.0.0.1:80`, `[::1]:80`, `10.0.0.1`, `::1`. */
function endOf(text: string): End {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([\d.]+)):(\d+)$/.exec(text) ?? [];
  const ip = bracketed ?? plain;
  return ip === undefined ? { ip: text } : { ip, port: Number(port) };
}

/** A real server goes by its program's name, the lab's own ones each by its own. */
function programOf(name: string | undefined): string | undefined {
  const found = topology('iptables')
    .namespaces.flatMap(({ servers }) => servers)
    .find((server) => server.name === name);
  return found !== undefined && 'program' in found ? found.program : name;
}

export const nodeOf = (netns: string): string | undefined =>
  [NODE_A.name, NODE_B.name].find((name) => name === netns) ??
  PODS.find(({ name }) => name === netns)?.node.name;

/** Who a namespace of the lab is, as an endpoint is named. */
export function whoIs(prefix: string, netns: string): Pick<Endpoint, 'kind' | 'name' | 'node'> {
  const node = nodeOf(netns);
  if (node === undefined) return { kind: 'external', name: prefix + netns };
  return { kind: node === netns ? 'node' : 'pod', name: prefix + netns, node: prefix + node };
}
