/**
 * Holds open connections in an engine and prints what they cost: run by itself with --expose-gc, since other tests'
 * garbage would be counted. Arguments: connections, --max-connections.
 */
import type { ConntrackView, PacketEvent } from '../../src/events/event.ts';
import { invert } from '../../src/events/tuple.ts';
import type { Tuple } from '../../src/events/tuple.ts';
import { newEngine } from './engine.ts';

const [count = 0, maxConnections = 0] = process.argv.slice(2).map(Number);
/** As the decoder does it, equal addresses are one string. */
const CLIENTS = ['198.51.100.7', '198.51.100.8', '198.51.100.9'];

const engine = newEngine({ maxConnections });
const before = heap();
let evicted = 0;
let told = '';
for (let i = 0; i < count; i++) {
  for (const event of handshake(i)) {
    for (const request of engine.apply(event)) {
      evicted += request.inferred.some((note) => note.includes('--max-connections')) ? 1 : 0;
      if (told === '') told = String(request.client.port);
    }
  }
}
const bytes = heap() - before;
const { open } = engine.stats;
process.stdout.write(JSON.stringify({ open, evicted, firstEvicted: told, bytesEach: bytes / open }));

function heap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** SYN and SYN-ACK over a node with DNAT and MASQUERADE, each seen at two devices. */
function handshake(i: number): PacketEvent[] {
  const at = 1_000_000_000 + i * 20_000;
  const src = CLIENTS[Math.floor(i / 50_000)] ?? '';
  const sport = 10_000 + (i % 50_000);
  const original: Tuple = { protocol: 'tcp', src, dst: '203.0.113.10', sport, dport: 80 };
  const masked = 1_024 + (i % 60_000);
  const inside: Tuple = {
    protocol: 'tcp',
    src: i < 60_000 ? '10.0.1.1' : '10.0.2.1',
    dst: '10.0.1.2',
    sport: masked,
    dport: 8080,
  };
  const isn = Math.imul(i + 1, 0x9e37_79b1) >>> 0;
  const packet = (netns: number, tuple: Tuple, step: number, view?: ConntrackView): PacketEvent => {
    const back = step > 1;
    return {
      kind: 'packet',
      at: at + step * 1_000,
      netns,
      ifindex: 2,
      device: 'eth0',
      inIfindex: view === undefined ? 0 : 3,
      skb: 0x9990_0000_0000 + ((i * 2 + step) % 512) * 256,
      tuple,
      flags: back ? 18 : 2,
      seq: back ? 1 : isn,
      ack: back ? (isn + 1) >>> 0 : 0,
      conntrack: view,
    };
  };
  const view = (info: ConntrackView['info'], status: number): ConntrackView => ({
    pointer: 0x8880_0000_0000 + i * 256,
    info,
    status,
    mark: 0,
    zone: 0,
    tcpState: 1,
    masqueradeIndex: 2,
    original: { ...original },
    reply: invert(inside),
  });
  return [
    packet(1, original, 0),
    packet(2, inside, 1, view('new', 0x1b8)),
    packet(3, invert(inside), 2),
    packet(2, invert(original), 3, view('established-reply', 0x1ba)),
  ];
}
