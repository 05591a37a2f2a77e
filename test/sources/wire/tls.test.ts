import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTlsHello } from '../../../src/sources/wire/tls.ts';

const WAITING = { cut: false };
const CUT = { cut: true };

/** The first bytes that OpenSSL sends. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, ...options });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** The same message in records of so many bytes each. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

describe('a ClientHello of OpenSSL', () => {
  let hello: Buffer;
  beforeAll(async () => {
    hello = await helloOf({ servername: 'app.example.com', ALPNProtocols: ['h2', 'http/1.1'] });
  });

  const asked = { what: 'tls-hello', sni: 'app.example.com', alpn: ['h2', 'http/1.1'], complete: true };

  it('says the name and the protocols', () => {
    expect(readTlsHello(hello, WAITING)).toEqual({ message: asked, length: hello.length, body: undefined });
  });

  it('says them out of several records, and whatever follows', () => {
    for (const size of [1, 3, 5, 100, hello.length - 6]) {
      const bytes = inRecords(hello, size);
      const followed = Buffer.concat([bytes, Buffer.from([20, 3, 3, 0, 1, 1])]);
      expect(readTlsHello(followed, WAITING)).toEqual({
        message: asked,
        length: bytes.length,
        body: undefined,
      });
    }
  });

  it('waits for its end, and without it says what was there', () => {
    for (let end = 1; end < hello.length; end++) {
      const part = hello.subarray(0, end);
      expect(readTlsHello(part, WAITING)).toBe('incomplete');
      const cut = readTlsHello(part, CUT);
      if (end < 9) expect(cut).toBeUndefined();
      else {
        const { message } = cut as Exclude<typeof cut, 'incomplete' | undefined>;
        expect(message.complete).toBe(false);
        expect([undefined, asked.sni]).toContain(message.sni);
        expect([[], asked.alpn]).toContainEqual(message.alpn);
      }
    }
  });

  it('may name nothing', async () => {
    const bare = await helloOf({ maxVersion: 'TLSv1.2' });
    expect(readTlsHello(bare, WAITING)).toEqual({
      message: { what: 'tls-hello', alpn: [], complete: true },
      length: bare.length,
      body: undefined,
    });
  });

  it('is none with a byte of its lengths wrong, or says no more than it did', () => {
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const broken = Buffer.from(hello);
        broken[at] = byte;
        const reading = readTlsHello(broken, { cut });
        expect(reading === undefined || reading === 'incomplete' || reading.length <= hello.length).toBe(
          true,
        );
      }),
      { numRuns: 1000 },
    );
  });
});

it.each(['160302', '15030100020246', '16030100050200000100', '17030300100000', '1603010000', '160301ffff01'])(
  '%s begins none',
  (hex) => {
    const bytes = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(40)]);
    expect(readTlsHello(bytes, WAITING)).toBeUndefined();
  },
);
