/**
 * An ordinary day's traffic, made up as the probes and the capture would tell it: everything that looks like a failure
 * to a careless eye and is none. A client outside and a pod dial over a node, which translates, to pods and to places
 * that are not traced.
 */
import fc from 'fast-check';
import type { ConntrackView, Event, IcmpErrorEvent, PacketEvent } from '../../src/events/event.ts';
import type { DnsHead, HeadEvent, Message } from '../../src/events/head.ts';
import { invert } from '../../src/events/tuple.ts';
import type { Protocol, Tuple } from '../../src/events/tuple.ts';

export const MS = 1_000_000;
const SECOND = 1_000 * MS;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** When tracing begins. */
export const BEGIN = 100 * SECOND;

interface Place {
  readonly netns: number;
  readonly ip: string;
  readonly name: string;
  readonly role: 'node' | 'pod' | 'other';
}

const CLIENT: Place = { netns: 4_026_532_101, ip: '198.51.100.7', name: 'client', role: 'other' };
const NODE: Place = { netns: 4_026_532_102, ip: '10.100.0.2', name: 'node-a', role: 'node' };
const POD: Place = { netns: 4_026_532_103, ip: '10.0.1.5', name: 'default/shop-1', role: 'pod' };
const SERVER: Place = { netns: 4_026_532_104, ip: '10.0.1.9', name: 'default/web-1', role: 'pod' };
const RESOLVER: Place = { netns: 4_026_532_105, ip: '10.0.1.53', name: 'kube-system/dns-1', role: 'pod' };
const PLACES = [CLIENT, NODE, POD, SERVER, RESOLVER];
const VIP = '10.3.241.152';
const DNS_VIP = '10.3.240.10';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

export const PATTERNS = [
  'request',
  'kept-alive',
  'half-close',
  'server-closes-first',
  'reset-after-close',
  'unread-at-close',
  'late-word-to-closed',
  'impatient-client',
  'client-aborts',
  'answered-then-reset',
  'both-close-at-once',
  'tcp-probe',
  'balancer-probe',
  'half-open-probe',
  'sent-again',
  'answer-sent-again',
  'full-backlog',
  'port-used-again',
  'long-idle',
  'stray-reset',
  'port-scan',
  'ping',
  'path-mtu',
  'syslog',
  'statsd',
  'multicast-name',
  'discovery',
  'broadcast',
  'overlay',
  'quic-moves',
  'look-up',
  'search-list',
  'hangs-up-on-resolver',
  'truncated-look-up',
  'time',
  'older',
  'older-table',
  'long-poll',
] as const;

type Pattern = (typeof PATTERNS)[number];

export interface Plan {
  readonly pattern: Pattern;
  /** Milliseconds after the beginning. */
  readonly start: number;
  /** Microseconds from one device to the next. */
  readonly latency: number;
  /** From 0 to 1: how long what may last long does. */
  readonly length: number;
}

/** @param hours that the plans are spread over */
export const plan = (hours: number): fc.Arbitrary<Plan> =>
  fc.record({
    pattern: fc.constantFrom(...PATTERNS),
    start: fc.nat(hours * 3_600_000),
    latency: fc.integer({ min: 5, max: 3_000 }),
    length: fc.nat(1_000).map((thousandth) => thousandth / 1_000),
  });

/** Ports that a scan finds closed. */
export const SCANNED = 40;

/** The events of the plans in order of time, until a while after the last; ticks as the probes give them. */
export function ordinary(plans: readonly Plan[], tickMs = 250): Event[] {
  const traffic = plans.flatMap((one, index) => new Walk(one, index).events());
  const last = traffic.reduce((latest, { at }) => Math.max(latest, at), BEGIN);
  const events: Event[] = [...names(), ...traffic];
  for (let at = BEGIN; at < last + 10 * SECOND; at += tickMs * MS) events.push({ kind: 'tick', at });
  return events.sort((a, b) => a.at - b.at);
}

/** The same, cut off in its midst as a trace is. */
export const cutAt = (events: readonly Event[], at: number): Event[] =>
  events.filter((event) => event.at <= at);

function names(): Event[] {
  const named = PLACES.map(({ netns, ip, name, role }): Event => {
    const links = [{ ifindex: 2, name: 'eth0', type: 'veth', addresses: [`${ip}/24`] }];
    return { kind: 'netns', at: BEGIN, netns, name, role, links, listeners: [] };
  });
  return [
    ...named,
    { kind: 'probes', at: BEGIN, set: 'tracepoint', level: 'path', running: true, missing: [] },
    { kind: 'capture', at: BEGIN, running: true, missing: [] },
  ];
}

interface Ends {
  readonly from: Place;
  /** Absent: somewhere that is not traced. */
  readonly to?: Place;
  readonly protocol: Protocol;
  readonly dst: string;
  readonly dport: number;
  readonly sport: number;
  /** What the node makes of it. */
  readonly inside: Partial<Tuple>;
  readonly tracked: boolean;
}

/** One plan carried out: a clock that goes on, and what is seen at each of its times. */
class Walk {
  private readonly plan: Plan;
  private readonly index: number;
  private readonly said: Event[] = [];
  private at: number;
  private buffers = 0;

  constructor(plan: Plan, index: number) {
    this.plan = plan;
    this.index = index;
    this.at = BEGIN + SECOND + plan.start * MS;
  }

  events(): Event[] {
    this[this.plan.pattern]();
    return this.said;
  }

  private wait(ns: number): void {
    this.at += Math.round(ns);
  }

  /** Between the two, by the plan's length. */
  private between(least: number, most: number): number {
    return least + (most - least) * this.plan.length;
  }

  request(): void {
    const talk = this.dial(this.service());
    talk.ask();
    this.wait(this.between(MS, 20 * MS));
    talk.answer();
    talk.close();
  }

  'kept-alive'(): void {
    const talk = this.dial(this.service());
    for (let i = 0; i < 3; i++) {
      talk.ask();
      this.wait(5 * MS);
      talk.answer();
      this.wait(this.between(100 * MS, 70 * SECOND));
    }
    // The server's time-out.
    talk.back(FIN | ACK);
    this.wait(MS);
    talk.there(FIN | ACK);
  }

  'half-close'(): void {
    const talk = this.dial(this.service());
    this.wait(10 * MS);
    talk.there(FIN | ACK);
    this.wait(this.between(SECOND, 20 * MINUTE));
    talk.back(FIN | ACK);
  }

  'server-closes-first'(): void {
    const talk = this.dial(this.service());
    this.wait(this.between(MS, SECOND));
    talk.back(FIN | ACK);
    this.wait(MS);
    talk.there(FIN | ACK);
  }

  'reset-after-close'(): void {
    const talk = this.dial(this.service());
    this.wait(10 * MS);
    talk.back(FIN | ACK);
    this.wait(this.between(MS, 100 * MS));
    talk.there(RST | ACK);
  }

  'unread-at-close'(): void {
    const talk = this.dial(this.service());
    this.wait(10 * MS);
    talk.there(FIN | ACK);
    this.wait(this.between(MS, 100 * MS));
    talk.back(RST | ACK);
  }

  'late-word-to-closed'(): void {
    // The server's FIN and the client's next word cross: what comes after is answered with RST.
    const talk = this.dial(this.service());
    this.wait(this.between(MS, MINUTE));
    talk.back(FIN | ACK);
    this.wait(MS);
    talk.back(RST);
  }

  'impatient-client'(): void {
    const talk = this.dial(this.service());
    talk.ask();
    this.wait(this.between(MS, 400 * MS));
    talk.there(RST | ACK);
  }

  'client-aborts'(): void {
    const talk = this.dial(this.service());
    this.wait(this.between(MS, 2 * HOUR));
    talk.there(RST);
  }

  'answered-then-reset'(): void {
    const talk = this.dial(this.service());
    talk.ask();
    this.wait(5 * MS);
    talk.answer();
    this.wait(this.between(MS, 2 * SECOND));
    talk.back(RST | ACK);
  }

  'both-close-at-once'(): void {
    const talk = this.dial(this.service());
    const { at } = this;
    talk.there(FIN | ACK);
    this.at = at;
    talk.back(FIN | ACK);
  }

  'tcp-probe'(): void {
    // The kubelet's: from the node itself, and nothing is said.
    const talk = this.dial({
      ...this.service(),
      from: NODE,
      dst: SERVER.ip,
      dport: 8080,
      inside: {},
      tracked: false,
    });
    talk.there(FIN | ACK);
    this.wait(MS);
    talk.back(FIN | ACK);
  }

  'balancer-probe'(): void {
    this.dial(this.service()).there(RST | ACK);
  }

  'half-open-probe'(): void {
    this.dial(this.service()).there(RST);
  }

  'sent-again'(): void {
    const talk = this.talk(this.service());
    talk.there(SYN);
    this.wait(1_000 * MS);
    talk.there(SYN);
    if (this.plan.length > 0.5) {
      this.wait(2_000 * MS);
      talk.there(SYN);
    }
    talk.back(SYN | ACK);
    talk.close();
  }

  'answer-sent-again'(): void {
    const talk = this.dial(this.service());
    this.wait(1_000 * MS);
    talk.back(SYN | ACK);
    this.say({ kind: 'retransmit', at: this.at, netns: SERVER.netns, tuple: invert(talk.inside) });
    talk.close();
  }

  'full-backlog'(): void {
    const talk = this.talk(this.service());
    talk.there(SYN);
    this.say({
      kind: 'drop',
      at: this.at,
      netns: SERVER.netns,
      ifindex: 2,
      device: 'eth0',
      inIfindex: 2,
      skb: talk.skb,
      reason: 'TCP_LISTEN_OVERFLOW',
      location: 'tcp_v4_rcv',
      stack: [],
      tuple: talk.inside,
      flags: SYN,
      seq: talk.isn,
      ack: 0,
    });
    this.wait(1_010 * MS);
    talk.there(SYN);
    talk.back(SYN | ACK);
    talk.close();
  }

  'port-used-again'(): void {
    const ends = this.service();
    for (let i = 0; i < 3; i++) {
      this.dial(ends, i + 1).close();
      this.wait(this.between(SECOND, 20 * SECOND));
    }
  }

  'long-idle'(): void {
    // Keep-alive probes are in mid-stream: of them nothing is said.
    const talk = this.dial(this.service());
    this.wait(this.between(HOUR, 20 * HOUR));
    talk.close();
  }

  'stray-reset'(): void {
    // Of a connection that nobody knows any more.
    this.talk(this.service()).back(RST);
  }

  'port-scan'(): void {
    for (let port = 1; port <= SCANNED; port++) {
      const talk = this.talk(
        {
          ...this.service(),
          dst: NODE.ip,
          dport: port,
          inside: {},
          to: NODE,
          tracked: false,
          sport: this.sport(port),
        },
        port,
      );
      talk.there(SYN);
      talk.back(RST | ACK);
      this.wait(this.between(MS, 200 * MS));
    }
  }

  ping(): void {
    const talk = this.talk({
      ...this.service(),
      protocol: 'icmp',
      dst: SERVER.ip,
      sport: this.sport(),
      dport: 0,
      inside: {},
    });
    for (let i = 0; i < 4; i++) {
      talk.there(8);
      talk.back(0);
      this.wait(6 * SECOND);
    }
  }

  'path-mtu'(): void {
    const talk = this.dial(this.service());
    this.wait(MS);
    this.error(NODE, talk, { type: 3, code: 4, about: talk.inside });
    this.wait(10 * MS);
    talk.close();
  }

  syslog(): void {
    this.oneWay(514, this.outside('203.0.113.50', 514));
  }

  statsd(): void {
    const ends: Ends = {
      ...this.service(),
      from: POD,
      protocol: 'udp',
      dst: SERVER.ip,
      dport: 8125,
      inside: {},
    };
    const talk = this.talk(ends);
    talk.there(0);
    this.taken(talk);
  }

  'multicast-name'(): void {
    const ends: Ends = { ...this.outside('224.0.0.251', 5353), from: CLIENT, sport: 5353 };
    const talk = this.talk(ends);
    talk.there(0);
    talk.head(dns(this.id(), `printer-${String(this.index)}.local`, 'PTR'));
  }

  discovery(): void {
    this.talk({ ...this.outside('239.255.255.250', 1900), from: CLIENT }).there(0);
    this.talk({ ...this.outside('ff02::fb', 5353), from: CLIENT }, 2).there(0);
  }

  broadcast(): void {
    this.talk({ ...this.outside('255.255.255.255', 67), from: CLIENT, sport: 68 }).there(0);
    this.talk({ ...this.outside('198.51.100.255', 137), from: CLIENT, sport: 137 }, 2).there(0);
  }

  overlay(): void {
    // Each direction of VXLAN and Geneve has ports of its own.
    this.oneWay(4789, { ...this.outside('10.100.0.3', 4789), from: NODE, inside: {} });
    this.oneWay(8472, { ...this.outside('10.100.0.3', 8472), from: NODE, inside: {} });
  }

  'quic-moves'(): void {
    const ends: Ends = { ...this.service(), protocol: 'udp', dport: 443 };
    const first = this.talk(ends);
    first.there(0);
    first.back(0);
    this.wait(this.between(SECOND, 10 * MINUTE));
    const second = this.talk({ ...ends, sport: this.sport(7) }, 2);
    second.there(0);
    second.back(0);
    // What was under way to the old port.
    first.back(0);
    this.error(CLIENT, first, { type: 3, code: 3, about: invert(first.tuple) });
  }

  'look-up'(): void {
    const talk = this.talk(this.names());
    const name = `shop-${String(this.index)}.example.com`;
    const [a, aaaa] = [this.id(), this.id() + 1];
    talk.there(0);
    talk.head(dns(a, name, 'A'));
    talk.head(dns(aaaa, name, 'AAAA'));
    this.taken(talk);
    this.wait(this.between(MS, 3 * SECOND));
    talk.back(0);
    talk.headBack(dns(a, name, 'A', 'NOERROR', ['203.0.113.80']));
    talk.headBack(dns(aaaa, name, 'AAAA', 'NOERROR', []));
  }

  'search-list'(): void {
    const short = `api-${String(this.index)}`;
    const suffixes = ['.default.svc.cluster.local', '.svc.cluster.local', '.example.com'];
    for (const [i, suffix] of suffixes.entries()) {
      const talk = this.talk({ ...this.names(), sport: this.sport(i) }, i + 1);
      const last = i === suffixes.length - 1;
      talk.there(0);
      for (const type of ['A', 'AAAA'] as const) talk.head(dns(this.id() + i, short + suffix, type));
      this.wait(this.between(MS, 50 * MS));
      talk.back(0);
      for (const type of ['A', 'AAAA'] as const) {
        const answers = type === 'A' && last ? ['203.0.113.81'] : [];
        talk.headBack(dns(this.id() + i, short + suffix, type, last ? 'NOERROR' : 'NXDOMAIN', answers));
      }
    }
  }

  'hangs-up-on-resolver'(): void {
    // It asked twice, took the first answer and went: the second finds nobody.
    const talk = this.talk(this.names());
    const name = `twice-${String(this.index)}.example.com`;
    talk.there(0);
    talk.head(dns(this.id(), name, 'A'));
    this.wait(MS);
    talk.back(0);
    talk.headBack(dns(this.id(), name, 'A', 'NOERROR', ['203.0.113.82']));
    this.wait(this.between(MS, 50 * MS));
    this.error(POD, talk, { type: 3, code: 3, about: invert(talk.tuple) });
  }

  'truncated-look-up'(): void {
    const name = `many-${String(this.index)}.example.com`;
    const talk = this.talk(this.names());
    talk.there(0);
    talk.head(dns(this.id(), name, 'A'));
    this.wait(MS);
    talk.back(0);
    talk.headBack({ ...dns(this.id(), name, 'A', 'NOERROR', []), truncated: true });
    const again = this.dial({ ...this.names(), protocol: 'tcp' }, 2);
    this.wait(MS);
    again.close();
  }

  time(): void {
    const talk = this.talk({ ...this.outside('203.0.113.123', 123), sport: 123 });
    talk.there(0);
    this.wait(20 * MS);
    talk.back(0);
  }

  older(): void {
    // First seen in its midst, by a word of either side or by its end.
    const talk = this.talk(this.service());
    talk.stands();
    if (this.plan.length > 0.3) talk.there(ACK, 'established');
    if (this.plan.length > 0.6) talk.back(ACK);
    this.wait(this.between(SECOND, HOUR));
    if (this.plan.length > 0.8) talk.there(RST);
    else talk.close();
  }

  'older-table'(): void {
    const talk = this.talk(this.service());
    const entry = {
      kind: 'entry',
      at: this.at,
      netns: NODE.netns,
      zone: 0,
      mark: 0,
      original: talk.tuple,
      reply: invert(talk.inside),
    } as const;
    const state = this.plan.length > 0.5 ? 'ESTABLISHED' : 'SYN_SENT';
    this.say({ ...entry, state, assured: state === 'ESTABLISHED', replied: state === 'ESTABLISHED' });
    this.wait(MINUTE);
    if (state === 'ESTABLISHED') talk.close();
  }

  'long-poll'(): void {
    const talk = this.dial(this.service());
    talk.ask();
    this.wait(this.between(MINUTE, HOUR));
    talk.answer();
    talk.close();
  }

  private oneWay(again: number, ends: Ends): void {
    const talk = this.talk(ends, again);
    for (let i = 0; i < 1 + Math.floor(this.plan.length * 4); i++) {
      talk.there(0);
      this.wait(5_100 * MS);
    }
  }

  private service(): Ends {
    const inside = { dst: SERVER.ip, dport: 8080 };
    return {
      from: CLIENT,
      to: SERVER,
      protocol: 'tcp',
      dst: VIP,
      dport: 80,
      sport: this.sport(),
      inside,
      tracked: true,
    };
  }

  private names(): Ends {
    const inside = { dst: RESOLVER.ip };
    return {
      from: POD,
      to: RESOLVER,
      protocol: 'udp',
      dst: DNS_VIP,
      dport: 53,
      sport: this.sport(),
      inside,
      tracked: true,
    };
  }

  private outside(dst: string, dport: number): Ends {
    const inside = { src: NODE.ip };
    return { from: POD, protocol: 'udp', dst, dport, sport: this.sport(), inside, tracked: true };
  }

  private id(): number {
    return (this.index * 8) & 0xffff;
  }

  /** A port of its own, as far as they go: 65,536 are fewer than a day's connections. */
  private sport(more = 0): number {
    return 1_024 + ((this.index * 61 + more) % 64_000);
  }

  private dial(ends: Ends, again = 0): Talk {
    const talk = this.talk(ends, again);
    talk.there(SYN);
    talk.back(SYN | ACK);
    return talk;
  }

  private talk(ends: Ends, again = 0): Talk {
    const number = this.index * 64 + again;
    return new Talk(ends, number, {
      now: () => this.at,
      pass: () => this.wait(this.plan.latency * 1_000),
      say: (event) => this.say(event),
      buffer: () => 0x9990_0000_0000 + ((this.index * 16 + this.buffers++) % 4_096) * 256,
    });
  }

  private say(event: Event): void {
    this.said.push(event);
  }

  /** A process reads the datagram. */
  private taken({ inside, ends }: Talk): void {
    const { netns } = ends.to ?? NODE;
    this.say({ kind: 'socket', at: this.at, netns, what: 'delivered', tuple: inside, error: 0 });
  }

  private error(by: Place, talk: Talk, error: Pick<IcmpErrorEvent, 'type' | 'code' | 'about'>): void {
    const dst = error.about.src;
    const from = { netns: by.netns, ifindex: 2, device: 'eth0', inIfindex: 0, src: by.ip, dst };
    this.say({ kind: 'icmp-error', at: this.at, skb: talk.skb + 128, family: 4, ...from, ...error });
  }
}

interface Clockwork {
  readonly now: () => number;
  /** One device further. */
  readonly pass: () => void;
  readonly say: (event: Event) => void;
  readonly buffer: () => number;
}

/** The packets of one connection, as they are seen where they are sent, and on the node. */
class Talk {
  readonly ends: Ends;
  readonly tuple: Tuple;
  readonly inside: Tuple;
  readonly isn: number;
  skb = 0;
  private readonly serverIsn: number;
  private readonly clock: Clockwork;
  private readonly pointer: number;
  private asked = 1;
  private answered = 1;
  private assured = false;

  constructor(ends: Ends, number: number, clock: Clockwork) {
    const { from, protocol, dst, dport, sport } = ends;
    this.ends = ends;
    const src = dst.includes(':') ? 'fd00::7' : from.ip;
    this.tuple = { protocol, src, dst, sport, dport };
    this.inside = { ...this.tuple, ...ends.inside };
    this.isn = Math.imul(number + 1, 0x9e37_79b1) >>> 0;
    this.serverIsn = Math.imul(number + 1, 0x85eb_ca6b) >>> 0;
    this.pointer = 0x8880_0000_0000 + (number % 0x10_0000) * 256;
    this.clock = clock;
  }

  there(flags: number, info: 'new' | 'established' = flags === SYN ? 'new' : 'established'): void {
    const { from } = this.ends;
    const tcp = this.tuple.protocol === 'tcp';
    const [seq, ack] = tcp
      ? [this.isn + (flags === SYN ? 0 : this.asked), flags === SYN ? 0 : this.serverIsn + this.answered]
      : [0, 0];
    this.skb = this.clock.buffer();
    const first = from === NODE && this.ends.tracked ? this.view(info) : undefined;
    this.packet(from.netns, 0, from === NODE ? this.inside : this.tuple, flags, seq, ack, first);
    // Ends are said once a packet, at its first device.
    const once = tcp && flags !== SYN && (flags & (FIN | RST)) !== 0;
    if (from !== NODE && this.ends.to !== NODE && !once) {
      this.packet(
        NODE.netns,
        2,
        this.inside,
        flags,
        seq,
        ack,
        this.ends.tracked ? this.view(info) : undefined,
      );
    }
  }

  back(flags: number): void {
    const { from, to } = this.ends;
    const tcp = this.tuple.protocol === 'tcp';
    const opening = flags === (SYN | ACK);
    const refuses = flags === (RST | ACK) && !this.assured;
    const seq = refuses ? 0 : this.serverIsn + (opening ? 0 : this.answered);
    const ack = this.isn + (opening || refuses ? 1 : this.asked);
    if (opening || !tcp) this.assured = true;
    this.skb = this.clock.buffer();
    if (to !== undefined) this.packet(to.netns, 0, invert(this.inside), flags, tcp ? seq : 0, tcp ? ack : 0);
    const once = tcp && !opening && (flags & (FIN | RST)) !== 0;
    if (to !== NODE && from !== NODE && !(once && to !== undefined)) {
      const view = this.ends.tracked ? this.view('established-reply') : undefined;
      this.packet(NODE.netns, 2, invert(this.tuple), flags, tcp ? seq : 0, tcp ? ack : 0, view);
    }
  }

  /** It was there before. */
  stands(): void {
    this.assured = true;
  }

  close(): void {
    this.there(FIN | ACK);
    this.back(FIN | ACK);
  }

  ask(): void {
    this.head({
      what: 'http-request',
      version: '1.1',
      method: 'GET',
      path: '/ping',
      host: 'example.com',
      carried: [],
      complete: true,
    });
    this.asked += 100;
  }

  answer(): void {
    this.headBack({ what: 'http-response', version: '1.1', status: 200, complete: true });
    this.answered += 200;
  }

  head(message: Message): void {
    const { from, to } = this.ends;
    const numbers = { seq: this.isn + this.asked, ack: this.serverIsn + this.answered };
    this.heard(from.netns, this.tuple, numbers, message);
    if (to !== undefined) this.heard(to.netns, this.inside, numbers, message);
  }

  headBack(message: Message): void {
    const { from, to } = this.ends;
    const numbers = { seq: this.serverIsn + this.answered, ack: this.isn + this.asked };
    if (to !== undefined) this.heard(to.netns, invert(this.inside), numbers, message);
    this.heard(from.netns, invert(this.tuple), numbers, message);
  }

  private heard(
    netns: number,
    tuple: Tuple,
    { seq, ack }: Pick<HeadEvent, 'seq' | 'ack'>,
    message: Message,
  ): void {
    const tcp = tuple.protocol === 'tcp';
    this.clock.say({
      kind: 'head',
      at: this.clock.now(),
      netns,
      tuple,
      seq: tcp ? seq >>> 0 : 0,
      ack: tcp ? ack >>> 0 : 0,
      message,
    });
    this.clock.pass();
  }

  private view(info: ConntrackView['info']): ConntrackView {
    const replied = info !== 'new' && this.assured;
    return {
      pointer: this.pointer,
      info: info === 'established' && !this.assured && this.tuple.protocol !== 'tcp' ? 'new' : info,
      status: replied ? 0x1be : info === 'established-reply' ? 0x1ba : 0x1b8,
      mark: 0,
      zone: 0,
      tcpState: 0,
      masqueradeIndex: this.inside.src === this.tuple.src ? 0 : 2,
      original: this.tuple,
      reply: invert(this.inside),
    };
  }

  private packet(
    netns: number,
    inIfindex: number,
    tuple: Tuple,
    flags: number,
    seq: number,
    ack: number,
    conntrack?: ConntrackView,
  ): void {
    const packet: PacketEvent = {
      kind: 'packet',
      at: this.clock.now(),
      netns,
      ifindex: inIfindex === 0 ? 2 : 3,
      device: inIfindex === 0 ? 'eth0' : 'cbr0',
      inIfindex,
      skb: this.skb,
      tuple,
      flags,
      seq: seq >>> 0,
      ack: ack >>> 0,
      conntrack,
    };
    this.clock.say(packet);
    this.clock.pass();
  }
}

function dns(
  id: number,
  name: string,
  type: string,
  rcode?: string,
  answers: readonly string[] = [],
): DnsHead {
  const asked = { what: 'dns', id, name, type, complete: true } as const;
  return rcode === undefined
    ? { ...asked, response: false, answers: [] }
    : { ...asked, response: true, rcode, answers };
}
