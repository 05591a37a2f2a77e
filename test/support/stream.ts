/** A stream of events as a node's would be: connections through a NodePort, masqueraded, answered, closed. */
import type { ConntrackView, CtInfo, Event, PacketEvent } from '../../src/events/event.ts';
import type { RecordingHeader } from '../../src/events/recording.ts';
import { invert } from '../../src/events/tuple.ts';
import type { Tuple } from '../../src/events/tuple.ts';

const CLIENT = 4026532001;
const NODE = 4026532002;
const POD = 4026532003;
const MS = 1_000_000;

export function header(parts: Partial<RecordingHeader> = {}): RecordingHeader {
  return {
    format: 'nathop-recording',
    version: 1,
    nathop: '0.1.0',
    node: 'node-a',
    boot: '6f7ee6a5-0000-4000-8000-000000000001',
    kernel: '6.18.0',
    bpftrace: '0.17.0',
    probes: { set: 'tracepoint', level: 'path', missing: [] },
    clocks: { monotonicNs: 1_000 * MS, wallNs: '1767322984000000000' },
    names: [],
    ...parts,
  };
}

/**
 * Names, what is traced, then `count` connections one after the other, then a second of silence.
 * @param first number of the first connection: streams that share none are of different connections
 */
export function* stream(count: number, first = 0): Generator<Event> {
  const start = 2_000 * MS;
  yield* names(start);
  yield { kind: 'probes', at: start, set: 'tracepoint', level: 'path', running: true, missing: [] };
  for (let i = 0; i < count; i++) yield* connection(first + i, start + i * 20 * MS);
  const end = start + count * 20 * MS;
  yield { kind: 'lost', at: end, count: 2, where: 'kernel' };
  for (let i = 1; i <= 4; i++) yield { kind: 'tick', at: end + i * 250 * MS };
}

function* names(at: number): Generator<Event> {
  const places = [
    { netns: CLIENT, name: 'client', role: 'host', address: '198.51.100.7/24' },
    { netns: NODE, name: 'node-a', role: 'node', address: '10.100.0.2/24' },
    { netns: POD, name: 'default/web-0', role: 'pod', address: '10.0.1.2/24' },
  ] as const;
  for (const { netns, name, role, address } of places) {
    const links = [{ ifindex: 2, name: 'eth0', type: 'veth', addresses: [address] }];
    yield { kind: 'netns', at, netns, name, role, links, listeners: [] };
  }
}

function* connection(i: number, at: number): Generator<Event> {
  const sport = 10_000 + (i % 50_000);
  const original: Tuple = { protocol: 'tcp', src: '198.51.100.7', dst: '10.100.0.2', sport, dport: 32213 };
  const inside: Tuple = { protocol: 'tcp', src: '10.0.1.1', dst: '10.0.1.2', sport, dport: 8080 };
  const reply = invert(inside);
  const entry = (info: CtInfo, status: number): ConntrackView => ({
    pointer: 0x888000000000 + (i % 1000) * 256,
    info,
    status,
    mark: 0,
    zone: 0,
    tcpState: 1,
    masqueradeIndex: 2,
    original,
    reply,
  });
  let step = 0;
  let skb = 0;
  const packet = (
    netns: number,
    tuple: Tuple,
    flags: number,
    seq: number,
    ack: number,
    conntrack?: ConntrackView,
  ): PacketEvent => ({
    kind: 'packet',
    at: at + step++ * 100_000,
    netns,
    ifindex: netns === NODE ? 3 : 2,
    device: netns === NODE ? 'cbr0' : 'eth0',
    inIfindex: netns === NODE ? 2 : 0,
    skb,
    tuple,
    flags,
    seq,
    ack,
    ...(conntrack && { conntrack }),
    ...(netns === CLIENT && flags === 2 && { process: { pid: 100 + i, comm: 'curl' } }),
  });
  const there = (flags: number, seq: number, ack: number, info: CtInfo, status: number): PacketEvent[] => {
    skb = buffer(i, step);
    return [
      packet(CLIENT, original, flags, seq, ack),
      packet(NODE, inside, flags, seq, ack, entry(info, status)),
    ];
  };
  const back = (flags: number, seq: number, ack: number, status: number): PacketEvent[] => {
    skb = buffer(i, step);
    return [
      packet(POD, reply, flags, seq, ack),
      packet(NODE, invert(original), flags, seq, ack, entry('established-reply', status)),
    ];
  };
  const client = isn(i);
  const server = isn(i + 0x10_0000);
  yield* there(2, client, 0, 'new', 0x1b8);
  yield* back(18, server, client + 1, 0x1ba);
  // One in seven stays open.
  if (i % 7 === 3) return;
  yield* there(17, client + 81, server + 1, 'established', 0x1be);
  yield* back(17, server + 301, client + 82, 0x1be);
}

/** Far apart, as the kernel chooses them. */
const isn = (n: number): number => Math.imul(n + 1, 0x9e37_79b1) >>> 1;
const buffer = (connection: number, step: number): number =>
  0x9990_0000_0000 + ((connection * 8 + step) % 65_536) * 256;
