import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeadEvent, HeadsMissedEvent } from '../../../src/events/head.ts';
import { eventSchema } from '../../../src/events/schema.ts';
import type { Tuple } from '../../../src/events/tuple.ts';
import { Assembler } from '../../../src/sources/wire/assembler.ts';

const TUPLE: Tuple = { protocol: 'tcp', src: '192.0.2.1', dst: '10.0.0.1', sport: 40_000, dport: 80 };
const DNS: Tuple = { ...TUPLE, dport: 53 };
const MS = 1_000_000;

interface Piece {
  readonly from: number;
  readonly to: number;
}

/** What is told of a stream whose pieces are captured in this order. */
function told(stream: Buffer, seq: number, pieces: readonly Piece[], tuple = TUPLE): HeadEvent[] {
  const events: (HeadEvent | HeadsMissedEvent)[] = [];
  const assembler = new Assembler(1, { keepQuery: false }, (event) => events.push(event));
  for (const { from, to } of pieces) {
    const payload = Buffer.from(stream.subarray(from, to));
    assembler.push({
      at: MS,
      tuple,
      seq: (seq + from) >>> 0,
      ack: 7,
      payload,
      payloadBytes: payload.length,
    });
    payload.fill(0xff); // the capture uses its buffer again
  }
  assembler.flush();
  expect(assembler.stats.heldBytes).toBe(0);
  const heads = events.filter((event) => event.kind === 'head');
  return heads.sort((a, b) => ((a.seq - seq) >>> 0) - ((b.seq - seq) >>> 0));
}

const whole = (stream: Buffer): Piece[] => [{ from: 0, to: stream.length }];

/** The pieces between these places, in order. */
function splitAt(stream: Buffer, places: readonly number[]): Piece[] {
  const ends = [...new Set([...places.map((place) => place % stream.length), stream.length])].sort(
    (a, b) => a - b,
  );
  return ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to })).filter(({ from, to }) => from < to);
}

const token = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
const value = fc.stringMatching(/^[ -~]{0,40}$/);
const header = fc.oneof(
  fc.tuple(token, value).map(([name, text]) => `x-${name}: ${text}`),
  fc.ipV4().map((ip) => `X-Forwarded-For: ${ip}`),
  token.map((id) => `X-Request-Id: ${id}`),
  token.map((host) => `Host: ${host}`),
);

function request(body: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      method: fc.constantFrom('GET', 'HEAD', 'PUT', 'OPTIONS', 'PROPFIND'),
      path: token,
      headers: fc.array(header, { maxLength: 4 }),
      body: fc.option(body, { nil: undefined }),
      newline: fc.constantFrom('\r\n', '\n'),
      after: fc.constantFrom('', '', '\r\n'),
    })
    .map(({ method, path, headers, body, newline, after }) => {
      const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
      const lines = [`${method} /${path} HTTP/1.1`, ...headers, ...length, '', ''];
      return `${lines.join(newline)}${body ?? ''}${after}`;
    });
}

const headLike = fc.constantFrom(
  'GET /not-a-request HTTP/1.1\r\nHost: body\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\n',
  '\r\n\r\n',
  'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n',
);
const plainBody = fc.stringMatching(/^[a-z ]{0,60}$/);
const proxy = fc.constantFrom(
  '',
  'PROXY TCP4 192.0.2.1 198.51.100.2 51111 80\r\n',
  Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336402c7a70050', 'hex').toString('latin1'),
);
/** An HTTP/1.1 stream, and perhaps something at its end that ends the reading. */
const stream = (body: fc.Arbitrary<string>, ends: readonly string[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(proxy, fc.array(request(body), { minLength: 1, maxLength: 5 }), fc.constantFrom('', ...ends))
    .map(([first, requests, last]) => Buffer.from(first + requests.join('') + last, 'latin1'));

const CHUNKED =
  'POST /last HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\nGET /unread HTTP/1.1\r\n\r\n';
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /unread HTTP/1.1\r\n\r\n';
/** Also where numbers come round. */
const firstSeq = fc.oneof(fc.nat(0xffff_ffff), fc.integer({ min: 0xffff_ff00, max: 0xffff_ffff }));
const places = fc.array(fc.nat(2000), { maxLength: 12 });

describe('a stream', () => {
  it('says the same however it is split, and often however often its pieces are captured', () => {
    fc.assert(
      fc.property(
        stream(fc.oneof(headLike, plainBody), [CHUNKED, PREFACE]),
        firstSeq,
        places,
        fc.nat(3),
        (bytes, seq, places, again) => {
          const pieces = splitAt(bytes, places);
          const repeated = pieces.flatMap((piece, i) => (i % 4 === again ? [piece, piece] : [piece]));
          const expected = told(bytes, seq, whole(bytes));
          expect(told(bytes, seq, pieces)).toEqual(expected);
          expect(told(bytes, seq, repeated)).toEqual(expected);
          expect(told(bytes, seq, [...pieces, ...pieces])).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('says the same byte by byte', () => {
    fc.assert(
      fc.property(stream(headLike, [CHUNKED, PREFACE]), firstSeq, (bytes, seq) => {
        const single = splitAt(
          bytes,
          Array.from(bytes, (_, i) => i),
        );
        expect(told(bytes, seq, single)).toEqual(told(bytes, seq, whole(bytes)));
      }),
      { numRuns: 30 },
    );
  });

  const disorder = fc.array(fc.nat(), { minLength: 8, maxLength: 8 });
  const overlaps = fc.array(fc.nat(30), { minLength: 8, maxLength: 8 });
  const fewPlaces = fc.array(fc.nat(2000), { maxLength: 7 });

  it('says the same if one piece is overtaken', () => {
    fc.assert(
      fc.property(stream(plainBody, []), firstSeq, fewPlaces, fc.nat(7), (bytes, seq, places, late) => {
        const pieces = splitAt(bytes, places);
        const [piece] = pieces.splice(late % pieces.length, 1);
        const swapped = pieces.toSpliced((late % (pieces.length + 1)) + 1, 0, ...(piece ? [piece] : []));
        expect(told(bytes, seq, swapped).map(facts)).toEqual(told(bytes, seq, whole(bytes)).map(facts));
      }),
      { numRuns: 1000 },
    );
  });

  it('says nothing else in any order, overlapping', () => {
    fc.assert(
      fc.property(
        stream(plainBody, []),
        firstSeq,
        fewPlaces,
        overlaps,
        disorder,
        (bytes, seq, places, more, ranks) => {
          const pieces = splitAt(bytes, places)
            .map(({ from, to }, i) => ({
              from,
              to: Math.min(bytes.length, to + (more[i] ?? 0)),
              rank: ranks[i] ?? 0,
            }))
            .sort((a, b) => a.rank - b.rank);
          const expected = told(bytes, seq, whole(bytes)).map(facts);
          const heads = told(bytes, seq, pieces).map(facts);
          for (const head of heads) {
            if (!('complete' in head.message) || head.message.complete) expect(expected).toContainEqual(head);
            else expect(expected.map((other) => other.seq)).toContain(head.seq);
          }
          expect(new Set(heads.map((head) => head.seq)).size).toBe(heads.length);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('of DNS says the same however it is split', () => {
    const question = Buffer.from('001d4711010000010000000000000161076578616d706c650000010001', 'hex');
    const message = Buffer.concat([question.subarray(0, 2), question.subarray(2)]);
    message.writeUInt16BE(message.length - 2);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), places, (count, places) => {
        const bytes = Buffer.concat(Array.from({ length: count }, () => message));
        const heads = told(bytes, 1, splitAt(bytes, places), DNS);
        expect(heads.map((head) => head.seq)).toEqual(
          Array.from({ length: count }, (_, i) => 1 + i * message.length),
        );
      }),
    );
  });
});

const facts = ({ seq, message }: HeadEvent) => ({ seq, message });

describe('whatever comes', () => {
  const beginnings = [
    'GET / HTTP/1.1\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n',
    'POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n',
    'HEAD /x HTTP/1.1\r\n\r\n',
    'PROXY TCP4 ',
    '\r\n\r\n\0\r\nQUIT\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\n',
    '\r\n\r\n',
    'X-Forwarded-For: a, b\r\nForwarded: for="[::1]\r\n',
  ].map((text) => Buffer.from(text, 'latin1'));
  const bytes = fc
    .array(
      fc.oneof(
        fc.constantFrom(...beginnings),
        fc.uint8Array({ maxLength: 40 }).map((part) => Buffer.from(part)),
      ),
      { maxLength: 5 },
    )
    .map((parts) => Buffer.concat(parts));
  const segment = fc.record({
    gap: fc.nat(200 * MS),
    port: fc.constantFrom(40_000, 40_001, 53),
    reply: fc.boolean(),
    udp: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    seq: fc.oneof(fc.nat(300), fc.nat(0xffff_ffff)),
    ack: fc.oneof(fc.nat(300), fc.nat(0xffff_ffff)),
    bytes,
    missing: fc.oneof(fc.constant(0), fc.nat(1000)),
  });

  it('is told as a recording can hold it, or counted, or passed over; nothing throws', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 40 }), fc.boolean(), (segments, keepQuery) => {
        const events: (HeadEvent | HeadsMissedEvent)[] = [];
        const assembler = new Assembler(1, { keepQuery }, (event) => events.push(event));
        let at = 0;
        for (const { gap, port, reply, udp, seq, ack, bytes, missing } of segments) {
          at += gap;
          const there = { src: '192.0.2.1', dst: '10.0.0.1', sport: port, dport: 80 };
          const back = { src: '10.0.0.1', dst: '192.0.2.1', sport: 80, dport: port };
          const tuple: Tuple = { protocol: udp ? 'udp' : 'tcp', ...(reply ? back : there) };
          assembler.push({ at, tuple, seq, ack, payload: bytes, payloadBytes: bytes.length + missing });
        }
        assembler.tick(at);
        assembler.flush();
        expect(assembler.stats.heldBytes).toBe(0);
        for (const event of events) {
          expect(eventSchema.parse(event)).toEqual(event);
          expect(event.at).toBeLessThanOrEqual(at);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('memory', () => {
  const endless = Buffer.from(`GET /${'a'.repeat(2000)} HTTP/1.1\r\nHost: a\r\n`);

  it('is bounded by bytes, and what goes is told as cut', () => {
    const paths = new Set<string>();
    let cut = 0;
    const assembler = new Assembler(1, { keepQuery: false }, (event) => {
      if (event.kind === 'heads-missed') cut += event.count;
      else paths.add(event.tuple.src);
    });
    for (let i = 0; i < 3000; i++) {
      const tuple = { ...TUPLE, src: `10.${i >> 8}.${i & 255}.1` };
      assembler.push({ at: MS, tuple, seq: 1, ack: 1, payload: endless, payloadBytes: endless.length });
      expect(assembler.stats.heldBytes).toBeLessThanOrEqual(1_048_576);
    }
    assembler.flush();
    expect([paths.size, cut]).toEqual([3000, 3000]);
  });

  it('is bounded by flows', () => {
    let heads = 0;
    const assembler = new Assembler(
      1,
      { keepQuery: false },
      ({ kind }) => (heads += kind === 'head' ? 1 : 0),
    );
    const payload = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n');
    for (let i = 0; i < 10_000; i++) {
      const tuple = { ...TUPLE, src: `10.${i >> 8}.${i & 255}.1` };
      assembler.push({ at: MS, tuple, seq: 1, ack: 1, payload, payloadBytes: payload.length });
      expect(assembler.stats.flows).toBeLessThanOrEqual(4096);
    }
    expect(heads).toBe(10_000 - 4096);
    assembler.tick(200_000 * MS);
    expect([heads, assembler.stats.flows, assembler.stats.heldBytes]).toEqual([10_000, 0, 0]);
  });

  it('is bounded by a head: a longer one is told as cut, whatever it is split into', () => {
    const long = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20_000)}\r\n`);
    for (const size of [1448, 9000, 65_000]) {
      const heads = told(
        long,
        1,
        splitAt(
          long,
          Array.from({ length: 100 }, (_, i) => i * size).filter((place) => place < long.length),
        ),
      );
      expect(heads.map(facts)).toMatchObject([{ seq: 1, message: { host: 'a', complete: false } }]);
    }
  });
});
