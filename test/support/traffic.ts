/**
 * Traffic made up, with the truth about it: connections from clients over nodes that translate to a server, as the
 * probes tell them at detail `path`. There are several networks, isolated from each other, and all of them use
 * the same addresses and ports.
 */
import fc from 'fast-check';
import type { ConntrackView, Event, LinkFact, PacketEvent } from '../../src/events/event.ts';
import { destinationOf, invert, sourceOf } from '../../src/events/tuple.ts';
import type { Protocol, Tuple } from '../../src/events/tuple.ts';
import type { HopKind, Request, State, Verdict } from '../../src/trace/request.ts';

const US = 1_000;
const MS = 1_000_000;
const START = 2_000 * MS;
const VIP = '203.0.113.10';
const SERVER = '10.0.2.2';

/** What a node does to the first packet of a connection. */
type Translation = 'none' | 'dnat' | 'masquerade' | 'both';
type Fate = 'open' | 'closed' | 'reset' | 'refused' | 'silent';

/** A connection as somebody might make it. */
export interface Plan {
  network: number;
  protocol: 'tcp' | 'udp';
  client: number;
  port: number;
  /** Microseconds after the start of the traffic; later where the port is still taken. */
  start: number;
  /** Microseconds from one device to the next. */
  latency: number;
  /** One a node, in the order of the way. */
  nodes: Translation[];
  /** Whether nodes that translate nothing track connections. */
  tracks: boolean;
  /** MASQUERADE keeps the source port where it can. */
  keepsPort: boolean;
  /** The first packet is sent again after a second; the first one was lost behind the last node. */
  sentTwice: boolean;
  fate: Fate;
}

/** What nathop should say of a connection. */
export interface Truth {
  startedAt: string;
  protocol: Protocol;
  state: State;
  verdict: Verdict;
  client: string;
  dialled: string;
  sourceSeen: string | undefined;
  hops: string[];
}

export const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    network: fc.nat(1),
    protocol: fc.constantFrom('tcp', 'tcp', 'tcp', 'udp'),
    client: fc.nat(1),
    port: fc.integer({ min: 40_000, max: 40_003 }),
    start: fc.nat(3_000_000),
    latency: fc.integer({ min: 1, max: 400 }),
    nodes: fc.array(fc.constantFrom('none', 'dnat', 'masquerade', 'both'), { maxLength: 3 }),
    tracks: fc.boolean(),
    keepsPort: fc.boolean(),
    sentTwice: fc.boolean(),
    fate: fc.constantFrom('open', 'closed', 'closed', 'reset', 'refused', 'silent'),
  }),
  { minLength: 1, maxLength: 40 },
);

/**
 * The events of the plans in order of time, names first, silence last; and what is true of each plan.
 * @param restMs how long a port rests before it is used again
 */
export function traffic(planned: readonly Plan[], restMs = 1): { events: Event[]; truths: Truth[] } {
  const ports = new Ports(restMs * MS);
  const made = [...planned]
    .sort((a, b) => a.start - b.start)
    .map((plan, index) => new Journey(plan, index, ports).travel());
  const packets = inBuffers(made.flatMap(({ passes }) => passes));
  const end = (packets.at(-1)?.at ?? START) + MS;
  const silence = Array.from({ length: 40 }, (_, i): Event => ({ kind: 'tick', at: end + i * 250 * MS }));
  return {
    events: [
      ...names(START - MS),
      { kind: 'probes', at: START - MS, set: 'tracepoint', level: 'path', running: true, missing: [] },
      ...packets,
      ...silence,
    ],
    truths: made.map(({ truth }) => truth),
  };
}

/** What a request says, as far as a truth tells. */
export function toldOf(request: Request): Truth {
  const { startedAt = 'unknown', protocol, state, clientIp, client, dialled, sourceSeenByServer } = request;
  return {
    startedAt,
    protocol,
    state,
    verdict: clientIp.verdict,
    client: `${client.ip}:${String(client.port)}`,
    dialled: `${dialled.ip}:${String(dialled.port)}`,
    sourceSeen: sourceSeenByServer && `${sourceSeenByServer.ip}:${String(sourceSeenByServer.port)}`,
    hops: request.hops.map(({ kind, netns, before, after }) =>
      hopText(
        kind,
        netns?.inum ?? 0,
        before?.src ?? '',
        before?.dst ?? '',
        after?.src ?? '',
        after?.dst ?? '',
      ),
    ),
  };
}

/** The network that a namespace belongs to. */
export const networkOf = (netns: number): number => Math.floor((netns - FIRST_NETNS) / 100);

function hopText(
  kind: HopKind,
  netns: number,
  ...[src, dst, newSrc, newDst]: [string, string, string, string]
): string {
  return `${kind} in ${String(netns)}: ${src} → ${dst}, ${newSrc} → ${newDst}`;
}

const FIRST_NETNS = 4_026_532_000;
const MAX_NODES = 3;
const clientNetns = (network: number, client: number): number => FIRST_NETNS + network * 100 + client;
/** Each number of nodes is a way of its own, since a device leads to one place only. */
const nodeNetns = (network: number, nodes: number, node: number): number =>
  FIRST_NETNS + network * 100 + 10 + nodes * 10 + node;
const serverNetns = (network: number): number => FIRST_NETNS + network * 100 + 90;

/** A client's device on the way over so many nodes, and the server's; the device that leads towards a client. */
const byWay = (nodes: number): number => 2 + nodes;
const towardsClient = (client: number): number => 10 + client;
const BACK = 2;
const ON = 3;

/** Who is who, and which device leads where. Between two namespaces there is a veth pair, so each end is certain. */
function* names(at: number): Generator<Event> {
  for (const network of [0, 1]) {
    const server = serverNetns(network);
    for (const client of [0, 1]) {
      const links = [0, 1, 2, 3].map((nodes) =>
        link(byWay(nodes), nodes === 0 ? server : nodeNetns(network, nodes, 0), towardsClient(client)),
      );
      yield* named(at, clientNetns(network, client), `client-${String(network)}${String(client)}`, links);
    }
    const toClients = [0, 1].map((client) =>
      link(towardsClient(client), clientNetns(network, client), byWay(0)),
    );
    for (let nodes = 1; nodes <= MAX_NODES; nodes++) {
      for (let node = 0; node < nodes; node++) {
        const isLast = node === nodes - 1;
        const on = isLast
          ? link(ON, server, byWay(nodes))
          : link(ON, nodeNetns(network, nodes, node + 1), BACK);
        const back =
          node === 0
            ? toClients.map((one) => ({ ...one, peerIfindex: byWay(nodes) }))
            : [link(BACK, nodeNetns(network, nodes, node - 1), ON)];
        const name = `node-${String(network)}${String(nodes)}${String(node)}`;
        yield* named(at, nodeNetns(network, nodes, node), name, [on, ...back]);
      }
    }
    const fromNodes = [1, 2, 3].map((nodes) => link(byWay(nodes), nodeNetns(network, nodes, nodes - 1), ON));
    yield* named(at, server, `server-${String(network)}`, [...toClients, ...fromNodes]);
  }
}

function link(ifindex: number, peerNetns: number, peerIfindex: number): LinkFact {
  return {
    ifindex,
    name: `veth${String(ifindex)}`,
    type: 'veth',
    addresses: [],
    peerElsewhere: true,
    peerNetns,
    peerIfindex,
  };
}

function* named(at: number, netns: number, name: string, links: LinkFact[]): Generator<Event> {
  yield { kind: 'netns', at, netns, name, role: 'host', links, listeners: [] };
}

/** Which ports are taken, as the kernels of one network see it. */
class Ports {
  private readonly freeAt = new Map<string, number>();
  private readonly rest: number;
  private masked = 1024;

  constructor(rest: number) {
    this.rest = rest;
  }

  /**
   * The first port from the one wished on that no open connection holds, and when it may be used: whatever the client
   * dials, the server may be the same.
   */
  take({ network, protocol, client, port, start }: Plan): { key: string; port: number; at: number } {
    for (let one = port; ; one++) {
      const key = `${String(network)} ${protocol} ${String(client)} ${String(one)}`;
      const free = this.freeAt.get(key) ?? 0;
      if (free < Infinity) return { key, port: one, at: Math.max(START + start * US, free) };
    }
  }

  hold(key: string, until: number): void {
    this.freeAt.set(key, until + this.rest);
  }

  mask(): number {
    return this.masked++;
  }
}

interface Pass {
  packets: Omit<PacketEvent, 'skb'>[];
}

/** One connection on its way there and back. */
class Journey {
  private readonly plan: Plan;
  private readonly index: number;
  private readonly ports: Ports;
  private readonly passes: Pass[] = [];
  private at = 0;

  constructor(plan: Plan, index: number, ports: Ports) {
    this.plan = plan;
    this.index = index;
    this.ports = ports;
  }

  travel(): { passes: Pass[]; truth: Truth } {
    const { plan } = this;
    const { protocol } = plan;
    // A rewrite of the destination is made once; where none is, the client dials the server itself.
    const dialsService = plan.nodes.some((one) => one === 'dnat' || one === 'both');
    const dialled = dialsService ? VIP : SERVER;
    const { key, port, at } = this.ports.take(plan);
    this.at = at;
    const startedAt = at;
    const src = `198.51.100.${String(7 + plan.client)}`;
    const client: Tuple = { protocol, src, dst: dialled, sport: port, dport: dialsService ? 80 : 8080 };
    const steps = this.translate(client);
    const arrived = steps.at(-1)?.after ?? client;
    const isn = Math.imul(this.index + 1, 0x9e37_79b1) >>> 0;
    const serverIsn = Math.imul(this.index + 1, 0x85eb_ca6b) >>> 0;
    const tcp = protocol === 'tcp';
    const answered = plan.fate !== 'silent' && (tcp || plan.fate !== 'refused');

    if (tcp && plan.sentTwice) {
      this.there(client, steps, SYN, isn, 0, 'new');
      this.at = startedAt + 1_000 * MS;
    }
    this.there(client, steps, tcp ? SYN : 0, isn, 0, 'new');
    if (answered && plan.fate !== 'refused') {
      this.back(steps, arrived, tcp ? SYN | ACK : 0, serverIsn, isn + 1);
    }
    if (tcp && plan.fate === 'refused') this.back(steps, arrived, RST | ACK, 0, isn + 1);
    if (tcp && plan.fate === 'reset') this.back(steps, arrived, RST, serverIsn + 1, 0);
    if (tcp && plan.fate === 'closed') {
      this.there(client, steps, FIN | ACK, isn + 80, serverIsn + 1, 'established');
      this.back(steps, arrived, FIN | ACK, serverIsn + 300, isn + 81);
    }
    // Datagrams of one pair of ports are one connection, and so is a SYN that nobody answered and its next.
    const over = tcp && (plan.fate === 'closed' || plan.fate === 'reset' || plan.fate === 'refused');
    this.ports.hold(key, over ? this.at : Infinity);
    return { passes: this.passes, truth: this.truth(client, steps, arrived, startedAt, answered) };
  }

  private translate(client: Tuple): Step[] {
    const { network, nodes, keepsPort, tracks } = this.plan;
    let tuple = client;
    return nodes.map((translation, node) => {
      const netns = nodeNetns(network, nodes.length, node);
      const before = tuple;
      const dnat = (translation === 'dnat' || translation === 'both') && before.dst === VIP;
      const masquerade = translation === 'masquerade' || translation === 'both';
      if (dnat) tuple = { ...tuple, dst: SERVER, dport: 8080 };
      const between = tuple;
      if (masquerade) {
        // Clients of one node may have chosen the same port.
        const sport = keepsPort && this.plan.client === 0 ? tuple.sport : this.ports.mask();
        tuple = { ...tuple, src: `10.100.${String(nodes.length)}.${String(1 + node)}`, sport };
      }
      const pointer = 0x8880_0000_0000 + (this.index * MAX_NODES + node) * 256;
      const tracked = dnat || masquerade || tracks;
      const back = node === 0 ? towardsClient(this.plan.client) : BACK;
      return { netns, back, before, between, after: tuple, pointer, tracked, masquerade };
    });
  }

  private there(
    client: Tuple,
    steps: readonly Step[],
    flags: number,
    seq: number,
    ack: number,
    info: 'new' | 'established',
  ): void {
    const { plan } = this;
    const netns = clientNetns(plan.network, plan.client);
    const packets = [this.packet(netns, 0, byWay(steps.length), client, flags, seq, ack)];
    for (const step of steps) {
      const status = info === 'new' ? 0x1b8 : 0x1be;
      const entry = viewOf(step, info, status);
      packets.push(this.packet(step.netns, step.back, ON, step.after, flags, seq, ack, entry));
    }
    this.passes.push({ packets });
  }

  private back(steps: readonly Step[], arrived: Tuple, flags: number, seq: number, ack: number): void {
    const server = serverNetns(this.plan.network);
    const out = steps.length === 0 ? towardsClient(this.plan.client) : byWay(steps.length);
    const packets = [this.packet(server, 0, out, invert(arrived), flags, seq, ack)];
    for (const step of [...steps].reverse()) {
      // A reset that answers the SYN leaves nothing assured.
      const refuses = (flags & RST) !== 0 && seq === 0;
      const entry = viewOf(step, 'established-reply', refuses ? 0x1ba : 0x1be);
      packets.push(this.packet(step.netns, ON, step.back, invert(step.before), flags, seq, ack, entry));
    }
    this.passes.push({ packets });
  }

  private packet(
    netns: number,
    inIfindex: number,
    ifindex: number,
    tuple: Tuple,
    flags: number,
    seq: number,
    ack: number,
    conntrack?: ConntrackView,
  ): Omit<PacketEvent, 'skb'> {
    const at = this.at;
    this.at += this.plan.latency * US;
    const device = `veth${String(ifindex)}`;
    const tcp = tuple.protocol === 'tcp';
    return {
      kind: 'packet',
      at,
      netns,
      ifindex,
      device,
      inIfindex,
      tuple,
      flags: tcp ? flags : 0,
      seq: tcp ? seq >>> 0 : 0,
      ack: tcp ? ack >>> 0 : 0,
      conntrack,
    };
  }

  private truth(
    client: Tuple,
    steps: readonly Step[],
    arrived: Tuple,
    startedAt: number,
    answered: boolean,
  ): Truth {
    const { plan } = this;
    const tcp = plan.protocol === 'tcp';
    const hops = [hop('device', clientNetns(plan.network, plan.client), client, client)];
    for (const { netns, before, between, after } of steps) {
      if (before !== between) hops.push(hop('dnat', netns, before, between));
      if (between !== after) hops.push(hop('masquerade', netns, between, after));
      hops.push(hop('device', netns, after, after));
    }
    const refused = tcp && plan.fate === 'refused';
    const served = answered && !refused;
    if (served) hops.push(hop('deliver', serverNetns(plan.network), arrived, arrived));
    if (refused) hops.push(hop('reject', serverNetns(plan.network), arrived, arrived));
    const lost = arrived.src !== client.src;
    return {
      startedAt: new Date(startedAt / MS)
        .toISOString()
        .replace('Z', `${String((startedAt / US) % 1000).padStart(3, '0')}Z`),
      protocol: plan.protocol,
      state: stateOf(plan),
      verdict: lost ? 'lost' : served ? 'preserved' : 'unknown',
      client: sourceOf(client),
      dialled: destinationOf(client),
      sourceSeen: served ? sourceOf(arrived) : undefined,
      hops,
    };
  }
}

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

function stateOf({ protocol, fate }: Plan): State {
  // Datagrams to these ports may go unanswered.
  if (protocol === 'udp') return 'closed';
  if (fate === 'refused') return 'refused';
  if (fate === 'silent') return 'unanswered';
  return fate === 'open' ? 'established' : 'closed';
}

function hop(kind: HopKind, netns: number, before: Tuple, after: Tuple): string {
  return hopText(kind, netns, sourceOf(before), destinationOf(before), sourceOf(after), destinationOf(after));
}

/** A node on the way: the packet as it came, between the rewrites, and as it left. */
interface Step {
  netns: number;
  /** The device towards the client. */
  back: number;
  before: Tuple;
  between: Tuple;
  after: Tuple;
  pointer: number;
  tracked: boolean;
  masquerade: boolean;
}

function viewOf(step: Step, info: ConntrackView['info'], status: number): ConntrackView | undefined {
  if (!step.tracked) return undefined;
  return {
    pointer: step.pointer,
    info,
    status,
    mark: 0,
    zone: 0,
    tcpState: 0,
    masqueradeIndex: step.masquerade ? 3 : 0,
    original: step.before,
    reply: invert(step.after),
  };
}

/** All packets in order of time, each in a buffer; a buffer is used again as soon as its packet is gone. */
function inBuffers(passes: readonly Pass[]): PacketEvent[] {
  const free: number[] = [];
  const busy: { until: number; skb: number }[] = [];
  const events: PacketEvent[] = [];
  let buffers = 0;
  const inOrder = [...passes].sort((a, b) => (a.packets[0]?.at ?? 0) - (b.packets[0]?.at ?? 0));
  for (const { packets } of inOrder) {
    const from = packets[0]?.at ?? 0;
    for (let i = busy.length - 1; i >= 0; i--) {
      if ((busy[i]?.until ?? 0) < from) free.push(...busy.splice(i, 1).map(({ skb }) => skb));
    }
    const skb = free.pop() ?? 0x9990_0000_0000 + buffers++ * 256;
    busy.push({ until: packets.at(-1)?.at ?? from, skb });
    events.push(...packets.map((packet) => ({ ...packet, skb })));
  }
  return events.sort((a, b) => a.at - b.at);
}
