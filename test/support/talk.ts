/** A small cluster's traffic, word by word: connections between namespaces, and the heads that go over them. */
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import type { ConntrackView, Event, PacketEvent, ProcessRef } from '../../src/events/event.ts';
import type { CarriedAddress, HeadEvent, Message } from '../../src/events/head.ts';
import { invert } from '../../src/events/tuple.ts';
import type { Tuple } from '../../src/events/tuple.ts';
import { Engine } from '../../src/trace/engine.ts';
import type { Request } from '../../src/trace/request.ts';

export const MS = 1_000_000;

interface Place {
  readonly netns: number;
  readonly ip: string;
  readonly name: string;
  readonly role: 'node' | 'pod' | 'other';
}

export const CLIENT: Place = { netns: 101, ip: '198.51.100.7', name: 'client', role: 'other' };
export const NODE: Place = { netns: 102, ip: '10.100.0.2', name: 'node-a', role: 'node' };
export const INGRESS: Place = { netns: 103, ip: '10.0.1.5', name: 'default/ingress', role: 'pod' };
export const APP: Place = { netns: 104, ip: '10.0.1.9', name: 'default/app', role: 'pod' };
export const RESOLVER: Place = { netns: 105, ip: '10.0.1.53', name: 'kube-system/dns', role: 'pod' };
export const OTHER: Place = { netns: 106, ip: '198.51.100.8', name: 'other', role: 'other' };
const PLACES = [CLIENT, NODE, INGRESS, APP, RESOLVER, OTHER];

export interface Dial {
  readonly from: Place;
  readonly to: Place;
  readonly at: number;
  readonly protocol?: 'tcp' | 'udp';
  /** What it dials; absent: the server's own address. */
  readonly dials?: { readonly ip: string; readonly port: number };
  readonly port?: number;
  /** The node rewrites the source to its own. */
  readonly masquerade?: boolean;
  readonly process?: ProcessRef;
}

let sport = 40_000;

/** One connection; each call gives the events of what happens on it, in milliseconds since the beginning. */
export class Line {
  readonly tuple: Tuple;
  /** As the server has it. */
  readonly inside: Tuple;
  private readonly dial: Dial;
  private readonly isn: number;
  private asked = 1;
  private answered = 1;

  constructor(dial: Dial) {
    this.dial = dial;
    const { from, to, dials, port = 80, protocol = 'tcp' } = dial;
    this.isn = sport * 65_537;
    this.tuple = {
      protocol,
      src: from.ip,
      sport: sport++,
      dst: dials?.ip ?? to.ip,
      dport: dials?.port ?? port,
    };
    this.inside = {
      ...this.tuple,
      dst: to.ip,
      dport: port,
      ...(dial.masquerade === true && { src: NODE.ip }),
    };
  }

  open(): Event[] {
    const { at, from, to, process } = this.dial;
    const syn = this.tuple.protocol === 'tcp' ? 2 : 0;
    const taken: Event =
      syn === 0
        ? {
            kind: 'socket',
            at: (at + 0.4) * MS,
            netns: to.netns,
            what: 'delivered',
            tuple: this.inside,
            error: 0,
          }
        : this.packet(at + 0.4, to.netns, invert(this.inside), 18, this.isn ^ 0x55, this.isn + 1);
    return [
      { ...this.packet(at, from.netns, this.tuple, syn, this.isn, 0), ...(process && { process }) },
      this.packet(at + 0.2, NODE.netns, this.inside, syn, this.isn, 0, this.entry()),
      taken,
    ];
  }

  /** The client's words, as both ends' captures have them. */
  ask(at: number, message: Message, bytes = 100): HeadEvent[] {
    const words = { seq: this.isn + this.asked, ack: (this.isn ^ 0x55) + this.answered, message };
    this.asked += bytes;
    const { from, to } = this.dial;
    return [this.head(at, from.netns, this.tuple, words), this.head(at + 0.2, to.netns, this.inside, words)];
  }

  answer(at: number, message: Message, bytes = 200): HeadEvent[] {
    const words = { seq: (this.isn ^ 0x55) + this.answered, ack: this.isn + this.asked, message };
    this.answered += bytes;
    const { from, to } = this.dial;
    return [
      this.head(at, to.netns, invert(this.inside), words),
      this.head(at + 0.2, from.netns, invert(this.tuple), words),
    ];
  }

  /** The server's reset for an answer to the first packet. */
  refuse(at: number): Event {
    return this.packet(at, this.dial.to.netns, invert(this.inside), 20, 0, this.isn + 1);
  }

  close(at: number): Event[] {
    const { from, to } = this.dial;
    return [
      this.packet(at, from.netns, this.tuple, 17, this.isn + this.asked, 1),
      this.packet(at + 0.1, to.netns, invert(this.inside), 17, 9, 9),
    ];
  }

  private head(
    at: number,
    netns: number,
    tuple: Tuple,
    words: Pick<HeadEvent, 'seq' | 'ack' | 'message'>,
  ): HeadEvent {
    const numbers = tuple.protocol === 'tcp' ? {} : { seq: 0, ack: 0 };
    return { kind: 'head', at: at * MS, netns, tuple, ...words, ...numbers };
  }

  private entry(): ConntrackView {
    const { masquerade } = this.dial;
    return {
      pointer: this.isn,
      info: 'new',
      status: 0x1b8,
      mark: 0,
      zone: 0,
      tcpState: 1,
      masqueradeIndex: masquerade === true ? 3 : 0,
      original: this.tuple,
      reply: invert(this.inside),
    };
  }

  private packet(
    at: number,
    netns: number,
    tuple: Tuple,
    flags: number,
    seq: number,
    ack: number,
    conntrack?: ConntrackView,
  ): PacketEvent {
    const isNode = netns === NODE.netns;
    return {
      kind: 'packet',
      at: at * MS,
      netns,
      ifindex: isNode ? 3 : 2,
      device: isNode ? 'cbr0' : 'eth0',
      inIfindex: isNode ? 2 : 0,
      skb: this.isn,
      tuple,
      flags,
      seq,
      ack,
      ...(conntrack && { conntrack }),
    };
  }
}

export const get = (
  path: string,
  more: { carried?: CarriedAddress[]; requestId?: string } = {},
): Message => ({
  what: 'http-request',
  version: '1.1',
  method: 'GET',
  path,
  host: 'example.com',
  carried: more.carried ?? [],
  ...(more.requestId !== undefined && { requestId: more.requestId }),
  complete: true,
});

export const ok = (status = 200): Message => ({
  what: 'http-response',
  version: '1.1',
  status,
  complete: true,
});

export const forwardedFor = (...values: string[]): { carried: CarriedAddress[] } => ({
  carried: [{ kind: 'x-forwarded-for', values }],
});

/** All that is told of it, in the order of telling; the names of the places are known from the beginning. */
export function tell(...events: readonly (readonly Event[])[]): Request[] {
  const engine = newEngine();
  const requests = streamOf(events).flatMap((event) => [...engine.apply(event)]);
  return [...requests, ...engine.open()];
}

/** The ids that stand in a view at the end, which asks what changed after so many events. */
export function standing(pause: number, ...events: readonly (readonly Event[])[]): Set<string> {
  const engine = newEngine();
  const rows = new Set<string>();
  const stream = streamOf(events);
  for (const [index, event] of stream.entries()) {
    for (const { id } of engine.apply(event)) rows.add(id);
    if (index % pause !== 0 && index + 1 < stream.length) continue;
    const { requests, gone } = engine.changes();
    for (const id of gone) rows.delete(id);
    for (const { id } of requests) rows.add(id);
  }
  return rows;
}

const newEngine = (): Engine =>
  new Engine(new ClusterKnowledge(), { maxConnections: 10_000, wallOffset: 0n });

function streamOf(events: readonly (readonly Event[])[]): Event[] {
  const names = PLACES.map(({ netns, ip, name, role }): Event => {
    const links = [{ ifindex: 2, name: 'eth0', type: 'veth', addresses: [`${ip}/24`] }];
    return { kind: 'netns', at: 0, netns, name, role, links, listeners: [] };
  });
  const said = events.flat();
  const end = Math.max(...said.map(({ at }) => at)) + 8_000 * MS;
  const ticks = [...Array(Math.ceil(end / (100 * MS))).keys()].map((i): Event => ({
    kind: 'tick',
    at: i * 100 * MS,
  }));
  const probes: Event = {
    kind: 'probes',
    at: 0,
    set: 'tracepoint',
    level: 'path',
    running: true,
    missing: [],
  };
  return [...names, probes, ...[...said, ...ticks].sort((a, b) => a.at - b.at)];
}
