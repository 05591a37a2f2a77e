import dnsPacket from 'dns-packet';
import type { Answer, Packet } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDns, readDnsStream } from '../../../src/sources/wire/dns.ts';

const NAME = 'a-service.default.svc.cluster.local';

const query = (type: 'A' | 'AAAA' = 'A'): Packet => ({
  type: 'query',
  id: 4711,
  flags: dnsPacket.RECURSION_DESIRED,
  questions: [{ name: NAME, type }],
});

const answered = (answers: Answer[], flags = 0): Buffer =>
  dnsPacket.encode({ ...query(), type: 'response', flags, answers });

const a = (i: number): Answer => ({ type: 'A', name: NAME, ttl: 5, data: `10.0.${i >> 8}.${i & 255}` });

describe('a question', () => {
  it('is its name and type', () => {
    expect(readDns(dnsPacket.encode(query('AAAA')), true)).toEqual({
      what: 'dns',
      id: 4711,
      response: false,
      name: NAME,
      type: 'AAAA',
      answers: [],
      complete: true,
    });
  });

  it('of a type without a name has its number', () => {
    const bytes = dnsPacket.encode(query());
    bytes.writeUInt16BE(65_280, bytes.length - 4);
    expect(readDns(bytes, true)).toMatchObject({ type: 'TYPE65280' });
  });

  it('has a clean name', () => {
    const bytes = dnsPacket.encode({ ...query(), questions: [{ name: 'a\x1b[2J\u202e.b', type: 'A' }] });
    expect(readDns(bytes, true)).toMatchObject({ name: 'a·[2J·.b' });
  });
});

describe('an answer', () => {
  it('is what was answered, in order', () => {
    const answers: Answer[] = [
      { type: 'CNAME', name: NAME, data: 'b.example' },
      { type: 'TXT', name: NAME, data: ['not told'] },
      { type: 'A', name: 'b.example', data: '10.3.241.152' },
      { type: 'AAAA', name: 'b.example', data: '2001:db8::1' },
      { type: 'SRV', name: 'b.example', data: { port: 8080, target: 'c.example' } },
      { type: 'MX', name: 'b.example', data: { preference: 1, exchange: 'd.example' } },
      { type: 'PTR', name: 'b.example', data: 'e.example' },
    ];
    expect(readDns(answered(answers), true)).toMatchObject({
      response: true,
      rcode: 'NOERROR',
      answers: ['b.example', '10.3.241.152', '2001:db8::1', 'c.example:8080', 'd.example', 'e.example'],
      complete: true,
    });
  });

  it.each([
    [3, { rcode: 'NXDOMAIN' }],
    [2, { rcode: 'SERVFAIL' }],
    [9, { rcode: 'RCODE9' }],
    [dnsPacket.TRUNCATED_RESPONSE, { rcode: 'NOERROR', truncated: true }],
  ])('with flags %i', (flags, says) => expect(readDns(answered([], flags), true)).toMatchObject(says));

  it('keeps 32 of many', () => {
    const bytes = answered(Array.from({ length: 100 }, (_, i) => a(i)));
    expect(readDns(bytes, true)).toMatchObject({
      answers: Array.from({ length: 32 }, (_, i) => `10.0.0.${i}`),
      complete: true,
    });
  });

  it('cut anywhere names nothing that was not there', () => {
    const all = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
    const bytes = answered([a(1), a(2), a(3)]);
    const told = new Set<number>();
    for (let end = 0; end < bytes.length; end++) {
      const message = readDns(bytes.subarray(0, end), false);
      if (message === undefined) continue;
      told.add(message.answers.length);
      expect(message).toMatchObject({ name: NAME, complete: false });
      expect(all.slice(0, message.answers.length)).toEqual(message.answers);
    }
    expect([...told]).toEqual([0, 1, 2]);
  });
});

describe('over TCP', () => {
  const bytes = dnsPacket.streamEncode({ ...query(), type: 'response', answers: [a(1)] });

  it('is read with its length, one behind the other', () => {
    expect(readDnsStream(Buffer.concat([bytes, bytes]), { cut: false })).toMatchObject({
      message: { answers: ['10.0.0.1'], complete: true },
      length: bytes.length,
      body: 0,
    });
  });

  it('waits for its end, and without it says what was there', () => {
    for (let end = 1; end < bytes.length; end++)
      expect(readDnsStream(bytes.subarray(0, end), { cut: false })).toBe('incomplete');
    expect(readDnsStream(bytes.subarray(0, -1), { cut: true })).toMatchObject({
      message: { name: NAME, answers: [], complete: false },
      length: bytes.length - 1,
      body: 1,
    });
  });
});

describe('what is none', () => {
  it.each([
    ['an update', '000128000001000000000000', '00 0006 0001'],
    ['with a reserved flag', '000100400001000000000000', '00 0001 0001'],
    ['without a question', '000180000000000000000000', '00 0001 0001'],
    ['with a name that points at itself', '000100000001000000000000', 'c00c 0001 0001'],
    ['with a name that points ahead', '000100000001000000000000', 'c010 0001 0001'],
    ['with a label that there is not', '000100000001000000000000', '8041 0001 0001 0001'],
    ['of no name', '000100000001000000000000', '3f 0001 0001 0001'],
  ])('%s', (_what, header, question) => {
    expect(readDns(Buffer.from(header + question.replaceAll(' ', ''), 'hex'), true)).toBeUndefined();
  });
});

describe('a hostile message', () => {
  it('says a thousand times what is said once: names are short, answers few', () => {
    const bomb = answered(
      Array.from({ length: 1500 }, (_, i): Answer => ({
        type: 'CNAME',
        name: NAME,
        data: `${'x'.repeat(60)}.${i}`,
      })),
    );
    // Every answer points at the longest name that there is.
    const long = Array.from({ length: 4 }, () => 'y'.repeat(61)).join('.');
    const head = dnsPacket.encode({ ...query(), questions: [{ name: long, type: 'A' }] });
    head.writeUInt16BE(0x8000, 2);
    head.writeUInt16BE(4000, 6);
    const pointer = Buffer.from('c00c00050001000000050002c00c', 'hex');
    const pointed = Buffer.concat([head, ...Array.from({ length: 4000 }, () => pointer)]);
    for (const bytes of [bomb, pointed]) {
      const message = readDns(bytes, true);
      expect(message?.answers.length).toBe(32);
      expect(JSON.stringify(message).length).toBeLessThan(32 * 300 + 1000);
    }
  });

  it('with a broken record says what it asked, and that this is not all', () => {
    const bytes = answered([a(1), { type: 'CNAME', name: NAME, data: 'b.example' }]);
    bytes[bytes.length - 1] = 0xff;
    expect(readDns(bytes, true)).toMatchObject({ name: NAME, answers: [], complete: false });
  });

  it('of any bytes does not throw, and is bounded', () => {
    const valid = answered([
      a(1),
      { type: 'SRV', name: NAME, data: { port: 1, target: 'x' } },
      { type: 'TXT', name: NAME, data: 'x' },
    ]);
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 })
      .map((changes) => {
        const bytes = Buffer.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    const any = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(mutated, any), fc.boolean(), (bytes, complete) => {
        const before = Buffer.from(bytes);
        const message = readDns(bytes, complete);
        expect(bytes.equals(before)).toBe(true);
        if (message === undefined) return;
        expect(message.answers.length).toBeLessThanOrEqual(32);
        for (const text of [message.name, ...message.answers]) expect(text.length).toBeLessThanOrEqual(256);
      }),
      { numRuns: 2000 },
    );
  });
});
