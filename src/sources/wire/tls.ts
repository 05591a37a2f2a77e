/** The name and the protocols that a TLS client asks for, in clear in its first message (RFC 8446, 4.1.2). */
import type { TlsHelloHead } from '../../events/head.ts';
import { MAX_HEAD_BYTES } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';
import { plain } from './text.ts';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const LONGEST_RECORD = 16_384;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const ALPN = 16;
const MAX_PROTOCOLS = 64;
const NAME_LIMIT = 256;

export function readTlsHello(bytes: Buffer, { cut }: Pick<ReadOptions, 'cut'>): Reading<TlsHelloHead> {
  if (!mayBegin(bytes)) return undefined;
  const collected = collect(bytes);
  if (collected === undefined) return undefined;
  const { hello, length, complete } = collected;
  if (!complete && !cut && bytes.length < MAX_HEAD_BYTES) return 'incomplete';
  if (hello.length < HANDSHAKE_HEADER) return undefined;
  const cursor = new Cursor(hello.subarray(HANDSHAKE_HEADER));
  const asked = readHello(cursor);
  if (complete && cursor.short) return undefined;
  return { message: { what: 'tls-hello', ...asked, complete }, length, body: undefined };
}

/** Whether, as far as they go, the bytes are a handshake record of a version 3.x that begins a ClientHello. */
export function mayBegin(bytes: Buffer): boolean {
  const [type, major = 3, minor = 1, high = 1, low = 0, message = CLIENT_HELLO] = bytes;
  if (type !== HANDSHAKE || major !== 3 || minor > 4 || message !== CLIENT_HELLO) return false;
  // The message's own version, unless the record ends before it.
  const [clientMajor = 3, clientMinor = 3] = bytes.subarray(RECORD_HEADER + HANDSHAKE_HEADER);
  return high * 256 + low < HANDSHAKE_HEADER + 2 || (clientMajor === 3 && clientMinor <= 4);
}

/**
 * The handshake message out of the records that hold it (RFC 8446, 5.1: it may be cut anywhere).
 * @returns undefined where a record is none
 */
function collect(bytes: Buffer): { hello: Buffer; length: number; complete: boolean } | undefined {
  const parts: Buffer[] = [];
  let held = 0;
  let wanted = HANDSHAKE_HEADER;
  let at = 0;
  while (held < wanted && at + RECORD_HEADER <= bytes.length) {
    const size = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3 || size === 0 || size > LONGEST_RECORD)
      return undefined;
    const part = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size);
    parts.push(part);
    const before = held;
    held += part.length;
    at += RECORD_HEADER + part.length;
    if (before < HANDSHAKE_HEADER && held >= HANDSHAKE_HEADER) {
      wanted += Buffer.concat(parts).readUIntBE(1, 3);
    }
    if (part.length < size) break;
  }
  const hello = Buffer.concat(parts).subarray(0, wanted);
  return { hello, length: at, complete: held >= wanted && wanted > HANDSHAKE_HEADER };
}

type Asked = Pick<TlsHelloHead, 'sni' | 'alpn'>;

/** As far as it goes: the cursor says if that was too short. */
function readHello(cursor: Cursor): Asked {
  cursor.skip(2 + 32); // version, random
  cursor.skip(cursor.number(1)); // session
  cursor.skip(cursor.number(2)); // cipher suites
  cursor.skip(cursor.number(1)); // compression
  let sni: string | undefined;
  let alpn: readonly string[] = [];
  // Before TLS 1.2 a hello may end here.
  const extensions = cursor.atEnd ? 0 : cursor.number(2);
  const end = cursor.position + extensions;
  while (!cursor.short && cursor.position < end) {
    const type = cursor.number(2);
    const data = cursor.take(cursor.number(2));
    if (data === undefined) break;
    if (type === SERVER_NAME) sni = serverName(new Cursor(data));
    else if (type === ALPN) alpn = protocols(new Cursor(data));
  }
  return { ...(sni === undefined ? {} : { sni }), alpn };
}

/** RFC 6066, 3: a list of names, of which but one kind was ever defined. */
function serverName(list: Cursor): string | undefined {
  list.skip(2);
  while (!list.atEnd) {
    const type = list.number(1);
    const name = list.take(list.number(2));
    if (name === undefined) return undefined;
    if (type === HOST_NAME && name.length > 0) return plain(name.toString('latin1'), NAME_LIMIT);
  }
  return undefined;
}

/** RFC 7301, 3.1 */
function protocols(list: Cursor): string[] {
  const names: string[] = [];
  list.skip(2);
  while (!list.atEnd && names.length < MAX_PROTOCOLS) {
    const name = list.take(list.number(1));
    if (name === undefined) break;
    if (name.length > 0) names.push(plain(name.toString('latin1'), NAME_LIMIT));
  }
  return names;
}

/** Reads from the front; what is not there is 0, and said. */
class Cursor {
  position = 0;
  short = false;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get atEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  number(size: 1 | 2): number {
    const at = this.position;
    this.skip(size);
    if (this.short) return 0;
    return size === 1 ? this.bytes.readUInt8(at) : this.bytes.readUInt16BE(at);
  }

  take(size: number): Buffer | undefined {
    const at = this.position;
    this.skip(size);
    return this.short ? undefined : this.bytes.subarray(at, at + size);
  }

  skip(size: number): void {
    this.position += size;
    if (this.position > this.bytes.length) this.short = true;
  }
}
