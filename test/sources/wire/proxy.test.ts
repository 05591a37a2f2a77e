import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/sources/wire/crc32c.ts';
import { readProxy1, readProxy2 } from '../../../src/sources/wire/proxy.ts';

const WAITING = { cut: false };
const CUT = { cut: true };

describe('CRC-32C', () => {
  // RFC 3720, B.4
  it.each([
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    [Buffer.from('123456789'), 0xe3069283],
  ])('%#', (bytes, sum) => expect(crc32c(bytes)).toBe(sum));
});

describe('version 1', () => {
  const read = (text: string) => readProxy1(Buffer.from(text), WAITING);

  it('names both ends', () => {
    expect(read('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n')).toEqual({
      message: {
        what: 'proxy-header',
        version: 1,
        command: 'proxy',
        source: { ip: '192.168.0.1', port: 56_324 },
        destination: { ip: '192.168.0.11', port: 443 },
        complete: true,
      },
      length: 47,
      body: 0,
    });
    expect(read('PROXY TCP6 2001:DB8:0:0::1 ::ffff:10.0.0.1 1 0\r\n')).toMatchObject({
      message: { source: { ip: '2001:db8::1', port: 1 }, destination: { ip: '10.0.0.1', port: 0 } },
    });
  });

  it.each(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'])(
    '%j',
    (text) =>
      expect(read(text)).toEqual({
        message: { what: 'proxy-header', version: 1, command: 'unknown', complete: true },
        length: text.length,
        body: 0,
      }),
  );

  it.each([
    'PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n',
    'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 1\r\n',
    'PROXY TCP4 192.168.0.256 192.168.0.11 56324 443\r\n',
    'PROXY TCP4 ::1 ::1 56324 443\r\n',
    'PROXY TCP6 10.0.0.1 10.0.0.2 56324 443\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 65536 443\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 056 443\r\n',
    'PROXY UDP4 10.0.0.1 10.0.0.2 56 443\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 56 443\n',
    `PROXY ${'x'.repeat(200)}\r\n`,
  ])('%j is at fault, and names nobody', (text) => {
    const reading = read(text);
    expect(reading).toMatchObject({ message: { command: 'unknown', fault: expect.any(String) as string } });
    expect(reading).not.toHaveProperty(['message', 'source']);
  });

  it('waits for its end', () => {
    const text = 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n';
    for (let end = 1; end < text.length; end++) {
      expect(read(text.slice(0, end))).toBe('incomplete');
      expect(readProxy1(Buffer.from(text.slice(0, end)), CUT)).toBeUndefined();
    }
    expect(read('PROXIED')).toBeUndefined();
  });
});

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0xc7, 0xa7, 0, 80]);
const V6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('00000000000000000000ffff0a000001', 'hex'),
  Buffer.from([0xc7, 0xa7, 0, 80]),
]);

function header(verCmd: number, family: number, ...rest: Buffer[]): Buffer {
  const body = Buffer.concat(rest);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([SIGNATURE, Buffer.from([verCmd, family]), length, body]);
}

function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
}

/** The same with its CRC32C, which is its last TLV. */
function summed(verCmd: number, family: number, ...rest: Buffer[]): Buffer {
  const bytes = header(verCmd, family, ...rest, tlv(3, Buffer.alloc(4)));
  bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4);
  return bytes;
}

describe('version 2', () => {
  const read = (bytes: Buffer) => readProxy2(bytes, WAITING);
  const ends4 = { source: { ip: '192.0.2.1', port: 51_111 }, destination: { ip: '198.51.100.2', port: 80 } };

  it('names both ends', () => {
    const bytes = header(0x21, 0x11, V4);
    expect(read(Buffer.concat([bytes, Buffer.from('GET /')]))).toEqual({
      message: { what: 'proxy-header', version: 2, command: 'proxy', ...ends4, complete: true },
      length: bytes.length,
      body: 0,
    });
    expect(read(header(0x21, 0x12, V4))).toMatchObject({ message: ends4 });
    const ends6 = { source: { ip: '2001:db8::1', port: 51_111 }, destination: { ip: '10.0.0.1', port: 80 } };
    expect(read(header(0x21, 0x21, V6))).toMatchObject({ message: ends6 });
    expect(read(header(0x21, 0x22, V6))).toMatchObject({ message: ends6 });
  });

  it('names nobody where it is the proxy itself that asks, or does not know', () => {
    const nobody = { what: 'proxy-header', version: 2, complete: true };
    expect(read(header(0x20, 0x00))).toMatchObject({ message: { ...nobody, command: 'local' } });
    expect(read(header(0x20, 0x11, V4))).toEqual({
      message: { ...nobody, command: 'local' },
      length: 28,
      body: 0,
    });
    expect(read(header(0x21, 0x00, Buffer.from('anything')))).toMatchObject({
      message: { command: 'unknown' },
    });
    expect(read(header(0x21, 0x31, Buffer.alloc(216)))).toEqual({
      message: { ...nobody, command: 'proxy' },
      length: 232,
      body: 0,
    });
  });

  it('carries what its TLVs say', () => {
    const bytes = summed(
      0x21,
      0x11,
      V4,
      tlv(4, Buffer.alloc(3)),
      tlv(2, Buffer.from('a.example')),
      tlv(5, Buffer.from('c0ffee', 'hex')),
    );
    expect(read(bytes)).toMatchObject({
      message: { ...ends4, authority: 'a.example', uniqueId: 'c0ffee', complete: true },
    });
    expect(read(bytes)).not.toHaveProperty(['message', 'fault']);
  });

  it('is at fault where its sum is, and still says what it says', () => {
    const bytes = summed(0x21, 0x11, V4);
    bytes[16] = 10;
    expect(read(bytes)).toMatchObject({
      message: { source: { ip: '10.0.2.1' }, fault: 'its CRC32C is wrong' },
    });
  });

  it.each([
    ['too short for its addresses', header(0x21, 0x11, V4.subarray(1))],
    ['too short for its addresses', header(0x21, 0x21, V4)],
    ['a version that there is not', header(0x31, 0x11, V4)],
    ['a command that there is not', header(0x22, 0x11, V4)],
    ['a family that there is not', header(0x21, 0x41, V4)],
    ['a TLV that reaches beyond', header(0x21, 0x11, V4, Buffer.from([4, 0, 9, 1]))],
    ['a TLV that has no length', header(0x21, 0x11, V4, Buffer.from([4, 0]))],
    ['a CRC32C of three bytes', header(0x21, 0x11, V4, tlv(3, Buffer.alloc(3)))],
  ])('with %s is at fault', (_what, bytes) =>
    expect(read(bytes)).toMatchObject({
      message: { fault: expect.any(String) as string },
      length: bytes.length,
    }),
  );

  it('waits for its end, and without it says what was there', () => {
    const bytes = summed(0x21, 0x11, V4, tlv(2, Buffer.from('a.example')));
    for (let end = 1; end < bytes.length; end++) expect(read(bytes.subarray(0, end))).toBe('incomplete');
    expect(readProxy2(bytes.subarray(0, 15), CUT)).toBeUndefined();
    expect(readProxy2(bytes.subarray(0, 20), CUT)).toMatchObject({
      message: { command: 'proxy', complete: false },
      length: 20,
      body: bytes.length - 20,
    });
    expect(readProxy2(bytes.subarray(0, 42), CUT)).toMatchObject({
      message: { ...ends4, authority: 'a.example', complete: false },
    });
  });
});
