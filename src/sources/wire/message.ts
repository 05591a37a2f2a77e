/** Which message begins with these bytes: told by the first of them, and read by its own decoder. */
import { readHttpRequest, readHttpResponse } from './http.ts';
import { PREFACE, readHttp2 } from './http2.ts';
import { METHODS, LONGEST_METHOD } from './methods.ts';
import { PROXY1, PROXY2, readProxy1, readProxy2 } from './proxy.ts';
import { matches } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';
import { mayBegin, readTlsHello } from './tls.ts';

const RETURN = 0x0d;
const HANDSHAKE = 22;
const A = 0x41;
const H = 0x48;
const P = 0x50;
const T = 0x54;
const Z = 0x5a;

/** What may begin a message in a TCP stream, DNS apart. */
export function readMessage(bytes: Buffer, options: ReadOptions): Reading {
  const first = bytes[0];
  if (first === undefined) return undefined;
  if (first === H && (bytes.length === 1 || bytes[1] === T)) return readHttpResponse(bytes, options);
  if (first === P) {
    const reading = readProxy1(bytes, options) ?? readHttp2(bytes, options);
    if (reading !== undefined) return reading;
  }
  if (first >= A && first <= Z) return readHttpRequest(bytes, options);
  if (first === HANDSHAKE) return readTlsHello(bytes, options);
  if (first === RETURN) return readProxy2(bytes, options);
  return undefined;
}

/** Whether a message surely begins here, be it ever so broken. */
export function beginsMessage(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, LONGEST_METHOD + 1);
  if (/^HTTP\/1\.\d \d/.test(text)) return true;
  if (METHODS.has(text.slice(0, Math.max(0, text.indexOf(' '))))) return true;
  if (bytes.length >= HELLO_BYTES && mayBegin(bytes)) return true;
  return SIGNATURES.some((signature) => bytes.length >= signature.length && matches(bytes, signature));
}

const SIGNATURES = [PROXY1, PROXY2, PREFACE];
/** A record's header, the message's, and its version. */
const HELLO_BYTES = 11;
