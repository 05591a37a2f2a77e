import { describe, expect, it } from 'vitest';
import type { HeadEvent, HeadsMissedEvent, Message } from '../../../src/events/head.ts';
import { Assembler } from '../../../src/sources/wire/assembler.ts';
import { invert } from '../../../src/events/tuple.ts';
import type { Tuple } from '../../../src/events/tuple.ts';

const TO_SERVER: Tuple = {
  protocol: 'tcp',
  src: '198.51.100.7',
  dst: '10.0.2.2',
  sport: 40_000,
  dport: 8080,
};
const MS = 1_000_000;

interface Sent {
  readonly at?: number;
  readonly tuple?: Tuple;
  readonly seq?: number;
  readonly ack?: number;
  /** Captured of it, if not all. */
  readonly captured?: number;
}

/** An assembler, and what it told. */
function started(keepQuery = false) {
  const told: (HeadEvent | HeadsMissedEvent)[] = [];
  const assembler = new Assembler(1, { keepQuery }, (event) => told.push(event));
  return {
    assembler,
    told,
    send: (
      text: string | Buffer,
      { at = MS, tuple = TO_SERVER, seq = 1000, ack = 1, captured }: Sent = {},
    ) => {
      const bytes = Buffer.from(text);
      assembler.push({
        at,
        tuple,
        seq,
        ack,
        payload: captured === undefined ? bytes : bytes.subarray(0, captured),
        payloadBytes: bytes.length,
      });
    },
    heads: (): HeadEvent[] => told.filter((event) => event.kind === 'head'),
    messages: (): Message[] => told.filter((event) => event.kind === 'head').map((event) => event.message),
    /** Paths and states, in short. */
    lines: (): string[] =>
      told.filter((event) => event.kind === 'head').map(({ seq, message }) => `${seq} ${short(message)}`),
    missed: (): Record<string, number> => {
      assembler.flush();
      return Object.fromEntries(
        told.filter((event) => event.kind === 'heads-missed').map(({ where, count }) => [where, count]),
      );
    },
  };
}

function short(message: Message): string {
  const cut = 'complete' in message && !message.complete ? ' cut' : '';
  switch (message.what) {
    case 'http-request':
      return `${message.method} ${message.path}${cut}`;
    case 'http-response':
      return `${message.status}${cut}`;
    default:
      return `${message.what}${cut}`;
  }
}

const GET = 'GET /a/pings?token=secret HTTP/1.1\r\nHost: example.com\r\nCookie: s=secret\r\n\r\n';

describe('a request in one segment', () => {
  it('is told with its number and without its query', () => {
    const { send, heads } = started();
    send(GET, { seq: 7, ack: 9, at: 5 });
    expect(heads()).toEqual([
      {
        kind: 'head',
        at: 5,
        netns: 1,
        tuple: TO_SERVER,
        seq: 7,
        ack: 9,
        message: {
          what: 'http-request',
          version: '1.1',
          method: 'GET',
          path: '/a/pings',
          host: 'example.com',
          carried: [],
          complete: true,
        },
      },
    ]);
  });

  it('is told once, at however many interfaces it is captured', () => {
    const { send, lines } = started();
    for (let i = 0; i < 3; i++) send(GET);
    expect(lines()).toEqual(['1000 GET /a/pings']);
  });

  it('is told again under the addresses that NAT gave it', () => {
    const { send, lines } = started();
    send(GET);
    send(GET, { tuple: { ...TO_SERVER, src: '10.0.2.1' } });
    expect(lines()).toEqual(['1000 GET /a/pings', '1000 GET /a/pings']);
  });
});

describe('several in one segment', () => {
  it('are each told, bodies passed over', () => {
    const { send, lines } = started();
    send(
      'POST /1 HTTP/1.1\r\nContent-Length: 22\r\n\r\nGET /body HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n',
    );
    expect(lines().map((line) => line.replace(/^\d+ /, ''))).toEqual(['POST /1', 'GET /2', 'GET /3']);
  });

  it('stop at a chunked body', () => {
    const { send, lines } = started();
    send('POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n\r\n');
    expect(lines()).toEqual(['1000 POST /1']);
  });

  it('an answer to HEAD has no body, however long it says it is', () => {
    const { send, lines } = started();
    send('HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n');
    send(
      'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 23\r\n\r\nHTTP/1.1 500 body text\r\n',
      { tuple: invert(TO_SERVER), seq: 1, ack: 1040 },
    );
    expect(lines()).toEqual(['1000 HEAD /1', '1020 GET /2', '1 200', '41 404']);
  });
});

describe('a head over several segments', () => {
  it('is put together', () => {
    const { send, lines, missed } = started();
    send(GET.slice(0, 20));
    send(GET.slice(20), { seq: 1020 });
    expect(lines()).toEqual(['1000 GET /a/pings']);
    expect(missed()).toEqual({});
  });

  it('is put together if they overtook each other', () => {
    const { send, lines, missed } = started();
    send(GET.slice(50), { seq: 1050 });
    send(GET.slice(0, 20));
    send(GET.slice(10, 60), { seq: 1010 });
    expect(lines()).toEqual(['1000 GET /a/pings']);
    expect(missed()).toEqual({});
  });

  it('is told as cut when it is answered, before the answer', () => {
    const { send, lines, missed } = started();
    send(GET.slice(0, 60));
    send('HTTP/1.1 200 OK\r\n\r\n', { tuple: invert(TO_SERVER), seq: 1, ack: 3000 });
    expect(lines()).toEqual(['1000 GET /a/pings cut', '1 200']);
    expect(missed()).toEqual({ cut: 1 });
  });

  it('is told as cut when its end does not come', () => {
    const { send, assembler, heads, missed } = started();
    send(GET.slice(0, 60), { at: 100 * MS });
    assembler.tick(400 * MS);
    expect(heads()).toEqual([]);
    assembler.tick(401 * MS);
    expect(heads()).toMatchObject([{ at: 100 * MS, message: { host: 'example.com', complete: false } }]);
    expect(missed()).toEqual({ cut: 1 });
  });

  it('is told at once where the capture cut the packet', () => {
    const { send, lines, missed } = started();
    send(GET, { captured: 60 });
    expect(lines()).toEqual(['1000 GET /a/pings cut']);
    expect(missed()).toEqual({ cut: 1 });
  });
});

describe('a PROXY header', () => {
  it.each([
    Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 51111 80\r\n'),
    Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336402c7a70050', 'hex'),
  ])('stands before a request %#', (header) => {
    const { send, lines } = started();
    send(Buffer.concat([header, Buffer.from(GET)]));
    expect(lines()).toEqual(['1000 proxy-header', `${1000 + header.length} GET /a/pings`]);
  });
});

describe('a body', () => {
  it('is none of our business in later segments either', () => {
    const { send, lines } = started();
    send('PUT /1 HTTP/1.1\r\nContent-Length: 30\r\n\r\n');
    send('GET /b HTTP/1.1\r\n\r\n', { seq: 1039 });
    send('0123456789', { seq: 1059 });
    send('GET /2 HTTP/1.1\r\n\r\n', { seq: 1069 });
    expect(lines()).toEqual(['1000 PUT /1', '1069 GET /2']);
  });

  it('of unknown length lasts until the other side has answered', () => {
    const { send, lines } = started();
    send('PUT /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
    send('GET /b HTTP/1.1\r\n\r\n', { seq: 1049 });
    send('GET /2 HTTP/1.1\r\n\r\n', { seq: 3000, ack: 20 });
    expect(lines()).toEqual(['1000 PUT /1', '3000 GET /2']);
  });
});

describe('what begins as a message and is none', () => {
  it('is counted', () => {
    const { send, lines, missed } = started();
    send('GET /no-version\r\nHost: a\r\n\r\n');
    send('end of something\r\n\r\n', { seq: 9000 });
    expect(lines()).toEqual([]);
    expect(missed()).toEqual({ unread: 1 });
  });
});

describe('DNS', () => {
  const question = Buffer.from('4711010000010000000000000161076578616d706c650000010001', 'hex');
  const tuple: Tuple = { ...TO_SERVER, protocol: 'udp', dport: 53 };

  it('is told once a packet, and again when it is asked again', () => {
    const { send, heads } = started();
    for (const at of [1, 2, 5001]) send(question, { tuple, at: at * MS, seq: 0, ack: 0 });
    expect(heads()).toMatchObject([
      { at: MS, seq: 0, ack: 0, message: { name: 'a.example', type: 'A' } },
      { at: 5001 * MS, message: { name: 'a.example' } },
    ]);
  });
});
