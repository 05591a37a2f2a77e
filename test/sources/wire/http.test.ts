import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHttpRequest, readHttpResponse } from '../../../src/sources/wire/http.ts';
import { MAX_HEAD_BYTES } from '../../../src/sources/wire/reading.ts';

const request = (text: string, options = { keepQuery: false, cut: false }) =>
  readHttpRequest(Buffer.from(text), options);
const response = (text: string, options = { keepQuery: false, cut: false }) =>
  readHttpResponse(Buffer.from(text), options);

function found<T>(reading: T | 'incomplete' | undefined): T {
  if (reading === undefined || reading === 'incomplete') throw new Error('nothing was read');
  return reading;
}

/** What a request with these header lines says. */
const said = (...lines: string[]) =>
  found(request(`GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)).message;
const carried = (...lines: string[]) => said(...lines).carried;
const forwarded = (value: string) => carried(`Forwarded: ${value}`)[0]?.values ?? [];

describe('a request', () => {
  it('is what RFC 9110 shows (3.8)', () => {
    const text =
      'GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, mi\r\n\r\n';
    expect(request(text)).toEqual({
      message: {
        what: 'http-request',
        version: '1.1',
        method: 'GET',
        path: '/hello.txt',
        host: 'www.example.com',
        carried: [],
        complete: true,
      },
      length: text.length,
      body: 0,
    });
  });

  it.each([
    ['GET /a?b=c HTTP/1.1', '/a', undefined],
    ['GET /a#b HTTP/1.1', '/a', undefined],
    ['GET http://u:p@h.example:8080/a?b HTTP/1.1', 'http://h.example:8080/a', 'h.example:8080'],
    ['GET http://u:p@h.example?b HTTP/1.1', 'http://h.example', 'h.example'],
    ['GET /proxy/http://u:p@h.example/x HTTP/1.1', '/proxy/http://h.example/x', undefined],
    ['OPTIONS * HTTP/1.1', '*', undefined],
    ['CONNECT u:p@h.example:443 HTTP/1.1', 'h.example:443', 'h.example:443'],
    ['GET u:p@h.example HTTP/1.1', 'h.example', undefined],
    ['GET /a b HTTP/1.1', '/a b', undefined],
    ['GET /sch%C3%B6n HTTP/1.0', '/sch%C3%B6n', undefined],
    ['GET /schön HTTP/1.0', '/schön', undefined],
    ['GET /\x1b[2J HTTP/1.0', '/·[2J', undefined],
    ['SEARCH * HTTP/1.7', '*', undefined],
  ])('%s', (line, path, host) => {
    const { message } = found(request(`${line}\r\n\r\n`));
    expect(message).toMatchObject({ path, complete: true });
    expect(message.host).toBe(host);
  });

  it('keeps its query when that is wanted, and even then no credentials', () => {
    expect(request('GET /a?b=http://u:p@c/ HTTP/1.1\r\n\r\n', { keepQuery: true, cut: false })).toMatchObject(
      { message: { path: '/a?b=http://c/' } },
    );
  });

  it.each([
    'GET /\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
    'GET  HTTP/1.1\r\n\r\n',
    'get / HTTP/1.1\r\n\r\n',
    'FOO / HTTP/1.1\r\n\r\n',
  ])('is not %j', (text) => expect(request(text)).toBeUndefined());

  it.each([
    ['Content-Length: 12', 12, 12],
    ['Content-Length: 12\r\nContent-Length: 12', 12, 12],
    ['Content-Length: 12\r\nContent-Length: 13', undefined, undefined],
    ['Content-Length: -1', undefined, undefined],
    ['Content-Length: 1e3', undefined, undefined],
    ['Content-Length: 12\r\nTransfer-Encoding: chunked', undefined, undefined],
    ['Transfer-Encoding: chunked', undefined, undefined],
    ['Content-Length : 12', undefined, 0],
    ['Content-Length:\r\n  12', 12, 12],
    ['X: y', undefined, 0],
  ])('with %j says how long its body is', (lines, said, body) => {
    const reading = found(request(`POST / HTTP/1.1\r\n${lines}\r\n\r\n`));
    expect([reading.message.bodyBytes, reading.body]).toEqual([said, body]);
  });

  it('is read with bare newlines and folded lines (RFC 9112, 2.2 and 5.2)', () => {
    expect(
      request('GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 192.0.2.1,\n\t192.0.2.2\n\nrest'),
    ).toMatchObject({
      message: { host: 'a', carried: [{ values: ['192.0.2.1', '192.0.2.2'] }] },
      length: 63,
    });
  });

  it('names the protocol that it asks for', () => {
    expect(said('Connection: Upgrade', 'Upgrade: websocket').upgrade).toBe('websocket');
  });

  it('names no host where it names two', () => {
    expect(said('Host: a', 'Host: b').host).toBeUndefined();
    expect(said('Host: u:p@a').host).toBe('a');
  });
});

describe('what names a request', () => {
  it.each([
    [['X-Request-ID: a', 'X-Correlation-ID: b'], 'a'],
    [['X-Correlation-ID: b'], 'b'],
    [
      ['X-Amzn-Trace-Id: Self=1-2-3;Root=1-67891233-abcdef012345678912345678;Sampled=1'],
      '1-67891233-abcdef012345678912345678',
    ],
    [['X-Request-ID:'], undefined],
  ])('%j', (lines, id) => expect(said(...lines).requestId).toBe(id));

  it('is the trace of a traceparent (W3C Trace Context, 3.2)', () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect(said(`traceparent: 00-${trace}-00f067aa0ba902b7-01`).traceId).toBe(trace);
    expect(said(`traceparent: 01-${trace}-00f067aa0ba902b7-01-more`).traceId).toBe(trace);
    expect(said(`traceparent: ff-${trace}-00f067aa0ba902b7-01`).traceId).toBeUndefined();
    expect(said(`traceparent: 00-${'0'.repeat(32)}-00f067aa0ba902b7-01`).traceId).toBeUndefined();
  });
});

describe('what a request carries', () => {
  it('is one list of however many lines', () => {
    expect(
      carried(
        'X-Forwarded-For: 192.0.2.1, 10.0.0.1:5000',
        'x-real-ip: 192.0.2.9',
        'X-FORWARDED-FOR: [2001:db8::1]:80,,junk',
      ),
    ).toEqual([
      { kind: 'x-forwarded-for', values: ['192.0.2.1', '10.0.0.1:5000', '[2001:db8::1]:80', 'junk'] },
      { kind: 'x-real-ip', values: ['192.0.2.9'] },
    ]);
  });

  it('is bounded: the last values stay', () => {
    const { values } = carried(
      `X-Forwarded-For: ${Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`).join(', ')}`,
    )[0] ?? { values: [] };
    expect(values.length).toBe(64);
    expect([values[0], values[1], values.at(-1)]).toEqual(['…', '10.0.0.37', '10.0.0.99']);
  });

  // RFC 7239, 4 and 6.
  it.each([
    ['for="_gazonk"', ['_gazonk']],
    ['For="[2001:db8:cafe::17]:4711"', ['[2001:db8:cafe::17]:4711']],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', ['192.0.2.60']],
    ['for=192.0.2.43, for=198.51.100.17', ['192.0.2.43', '198.51.100.17']],
    ['for=_hidden, for=_SEVKISEK', ['_hidden', '_SEVKISEK']],
    ['for=unknown;by=_x, by=y;FOR = "192.0.2.1:_p"', ['unknown', '192.0.2.1:_p']],
    ['host="a;for=1,for=2";for="3\\"4"', ['3"4']],
    ['for="192.0.2.1', []],
    ['for', []],
    ['"for=192.0.2.1"', []],
  ])('Forwarded: %s', (value, values) => expect(forwarded(value)).toEqual(values));
});

describe('a response', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 200, 5],
    ['HTTP/1.1 200\r\n\r\n', 200, undefined],
    ['HTTP/1.0 502 Bad Gateway\r\nX-Request-Id: r\r\n\r\n', 502, undefined],
    ['HTTP/1.1 100 Continue\r\n\r\n', 100, 0],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 101, undefined],
    ['HTTP/1.1 204 No Content\r\n\r\n', 204, 0],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', 304, 0],
    ['HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n', 200, undefined],
  ])('%j', (text, status, body) => {
    const reading = found(response(text));
    expect(reading).toMatchObject({ message: { status, complete: true }, length: text.length });
    expect(reading.body).toBe(body);
  });

  it.each([
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTPS 200\r\n',
    'HTTP/1.1 099 x\r\n\r\n',
  ])('is not %j', (text) => expect(response(text)).toBeUndefined());
});

describe('a head that is not whole', () => {
  const whole = 'POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nX-Real-IP: 192.0.2.1\r\nContent-Length: 3\r\n\r\n';
  it('waits for more, wherever it was split', () => {
    for (let end = 1; end < whole.length; end++) expect(request(whole.slice(0, end))).toBe('incomplete');
    const answer = 'HTTP/1.1 404 Not Found\r\nX-Request-Id: r\r\n\r\n';
    for (let end = 1; end < answer.length; end++) expect(response(answer.slice(0, end))).toBe('incomplete');
  });

  it('is told as far as it goes when no more comes, and no half value with it', () => {
    const cut = { keepQuery: false, cut: true };
    expect(request(whole.slice(0, whole.indexOf('.1\r\nCont')), cut)).toMatchObject({
      message: { path: '/a/b', host: 'h', carried: [], complete: false },
      body: undefined,
    });
    expect(request('GET /a/b?secr', cut)).toMatchObject({ message: { path: '/a/b', complete: false } });
    expect(request('GET /a/b', cut)).toMatchObject({ message: { path: '/a/b…', complete: false } });
    expect(request('GET http://user:passw', cut)).toBeUndefined();
    expect(request('GET', cut)).toBeUndefined();
    expect(response('HTTP/1.1 200 OK\r\nX-Request-Id: abc', cut)).toEqual({
      message: { what: 'http-response', version: '1.1', status: 200, complete: false },
      length: 34,
      body: undefined,
    });
  });
});

describe('a hostile head', () => {
  it.each([
    ['a name of 64 KiB', `GET / HTTP/1.1\r\n${'a'.repeat(65_536)}: b\r\n\r\n`],
    ['a value of 64 KiB', `GET / HTTP/1.1\r\nX-Forwarded-For: ${'a'.repeat(65_536)}\r\n\r\n`],
    ['10,000 lines', `GET / HTTP/1.1\r\n${'X-Forwarded-For: a\r\n'.repeat(10_000)}\r\n`],
    ['folds', `GET / HTTP/1.1\r\nX-Forwarded-For: a\r\n${' b,\r\n'.repeat(10_000)}\r\n`],
    ['quotes', `GET / HTTP/1.1\r\nForwarded: ${'for="a'.repeat(10_000)}\r\n\r\n`],
    ['backslashes', `GET / HTTP/1.1\r\nForwarded: for="${'\\'.repeat(60_000)}\r\n\r\n`],
    ['a target of 64 KiB', `GET /${'://a@'.repeat(13_000)} HTTP/1.1\r\n\r\n`],
  ])('of %s is bounded and told as cut', (_what, text) => {
    const reading = request(text);
    expect(reading).toMatchObject({ message: { complete: false }, body: undefined });
    expect(JSON.stringify(reading).length).toBeLessThan(MAX_HEAD_BYTES);
  });

  it('comes out clean', () => {
    const told = JSON.stringify(
      said('Host: a\0\x1b[2Jb', 'X-Forwarded-For: \x9b\u202e1', 'Upgrade: \x07', 'X-Request-Id: \x7f'),
    );
    expect(told).not.toMatch(/\\u00|\p{Cc}|\p{Cf}/u);
  });
});

describe('what must not be kept', () => {
  const SECRET = 'hunter2';
  it('is in nothing that is told, cut anywhere', () => {
    const text =
      `GET http://u:${SECRET}@h/a?k=${SECRET} HTTP/1.1\r\nHost: u:${SECRET}@h\r\nCookie: s=${SECRET}\r\nAuthorization: Basic ${SECRET}\r\n` +
      `Proxy-Authorization: ${SECRET}\r\nReferer: http://u:${SECRET}@h/\r\nSet-Cookie: ${SECRET}\r\nX-Real-IP: 192.0.2.1\r\nContent-Length: 7\r\n\r\n${SECRET}`;
    fc.assert(
      fc.property(fc.nat(text.length), fc.boolean(), (end, cut) => {
        const reading = request(text.slice(0, end), { keepQuery: false, cut });
        expect(JSON.stringify({ reading })).not.toMatch(/hun/);
      }),
    );
  });
});
