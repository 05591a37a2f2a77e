/** What reading message heads costs: each decoder alone, and the assembler over segments as they are captured. */
import dnsPacket from 'dns-packet';
import { Assembler } from '../../src/sources/wire/assembler.ts';
import { readDns } from '../../src/sources/wire/dns.ts';
import { readMessage } from '../../src/sources/wire/message.ts';

const ROUNDS = 5;
const SECONDS_A_ROUND = 0.4;

export interface WireFigure {
  readonly decoder: string;
  readonly headsPerSecond: number;
  readonly megabytesPerSecond: number;
}

/** Of CPU time, the garbage collector's threads included; the median of the rounds. */
export function measureWire(): WireFigure[] {
  return samples.map(({ decoder, bytes, heads = 1, read }) => {
    const rounds = Array.from({ length: ROUNDS + 1 }, () => readsPerSecond(read)).slice(1);
    const reads = rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    return {
      decoder,
      headsPerSecond: Math.round(reads * heads),
      megabytesPerSecond: (reads * bytes) / 1e6,
    };
  });
}

function readsPerSecond(read: () => void): number {
  const started = process.cpuUsage();
  let reads = 0;
  for (;;) {
    for (let i = 0; i < 1000; i++) read();
    reads += 1000;
    const { user, system } = process.cpuUsage(started);
    const seconds = (user + system) / 1e6;
    if (seconds >= SECONDS_A_ROUND) return reads / seconds;
  }
}

interface Sample {
  readonly decoder: string;
  readonly bytes: number;
  readonly heads?: number;
  readonly read: () => void;
}

/** As a browser sends it through an ingress. */
const REQUEST = Buffer.from(
  [
    'GET /a/pings?page=2&per_page=50 HTTP/1.1',
    'Host: shop.example.com',
    'X-Request-ID: 7f0c3a52b8d94e6a9c1d2e3f4a5b6c7d',
    'X-Real-IP: 198.51.100.7',
    'X-Forwarded-For: 203.0.113.9, 198.51.100.7',
    'X-Forwarded-Host: shop.example.com',
    'X-Forwarded-Proto: https',
    'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'Accept-Language: en-US,en;q=0.5',
    'Accept-Encoding: gzip, deflate, br',
    `Cookie: session=${'0123456789abcdef'.repeat(12)}`,
    '',
    '',
  ].join('\r\n'),
);
const RESPONSE = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n' +
    'Content-Length: 27\r\nConnection: keep-alive\r\nX-Request-ID: 7f0c3a52b8d94e6a9c1d2e3f4a5b6c7d\r\n\r\n',
);
const PROXY = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 51111 80\r\n');
const PROXY2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336402c7a70050', 'hex');
const HELLO = tlsHello('shop.example.com');
const ANSWER = dnsPacket.encode({
  type: 'response',
  id: 1,
  questions: [{ type: 'A', name: 'a-service.default.svc.cluster.local' }],
  answers: [{ type: 'A', name: 'a-service.default.svc.cluster.local', data: '10.3.241.152' }],
});

const OPTIONS = { keepQuery: false, cut: false };
const decoded = (decoder: string, bytes: Buffer): Sample => ({
  decoder,
  bytes: bytes.length,
  read: () => void readMessage(bytes, OPTIONS),
});

const samples: readonly Sample[] = [
  decoded('HTTP request', REQUEST),
  decoded('HTTP response', RESPONSE),
  decoded('PROXY v1', PROXY),
  decoded('PROXY v2', PROXY2),
  decoded('TLS ClientHello', HELLO),
  { decoder: 'DNS answer', bytes: ANSWER.length, read: () => void readDns(ANSWER, true) },
  assembled(),
];

/** A request and its answer on connections that stay open, each captured at two interfaces. */
function assembled(): Sample {
  const assembler = new Assembler(1, { keepQuery: false }, () => undefined);
  const there = { protocol: 'tcp', src: '192.0.2.1', dst: '10.0.0.1', sport: 40_000, dport: 80 } as const;
  const back = { protocol: 'tcp', src: '10.0.0.1', dst: '192.0.2.1', sport: 80, dport: 40_000 } as const;
  let asked = 0;
  let answered = 0;
  let at = 0;
  return {
    decoder: 'assembler, two interfaces',
    bytes: 2 * (REQUEST.length + RESPONSE.length),
    heads: 2,
    read() {
      at += 1000;
      for (let seen = 0; seen < 2; seen++)
        assembler.push({
          at,
          tuple: there,
          seq: asked,
          ack: answered,
          payload: REQUEST,
          payloadBytes: REQUEST.length,
        });
      asked = (asked + REQUEST.length) >>> 0;
      for (let seen = 0; seen < 2; seen++)
        assembler.push({
          at,
          tuple: back,
          seq: answered,
          ack: asked,
          payload: RESPONSE,
          payloadBytes: RESPONSE.length,
        });
      answered = (answered + RESPONSE.length + 27) >>> 0;
    },
  };
}

/** With as many other extensions, by their bytes, as a browser sends. */
function tlsHello(name: string): Buffer {
  const extension = (type: number, data: Buffer): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type);
    head.writeUInt16BE(data.length, 2);
    return Buffer.concat([head, data]);
  };
  const sized = (size: 1 | 2 | 3, data: Buffer): Buffer => {
    const head = Buffer.alloc(size);
    head.writeUIntBE(data.length, 0, size);
    return Buffer.concat([head, data]);
  };
  const extensions = Buffer.concat([
    extension(0, sized(2, Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name))]))),
    extension(51, Buffer.alloc(107)),
    extension(16, sized(2, Buffer.concat([sized(1, Buffer.from('h2')), sized(1, Buffer.from('http/1.1'))]))),
    extension(21, Buffer.alloc(200)),
  ]);
  const hello = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    sized(1, Buffer.alloc(32)),
    sized(2, Buffer.alloc(34)),
    Buffer.from([1, 0]),
    sized(2, extensions),
  ]);
  const message = Buffer.concat([Buffer.from([1]), sized(3, hello)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message)]);
}
