/** Which message begins with these bytes: told by the first of them, and read by its own decoder. */
import { readHttpRequest, readHttpResponse } from './http.ts';
import { METHODS, LONGEST_METHOD } from './methods.ts';
import type { Reading, ReadOptions } from './reading.ts';

const H = 0x48;
const T = 0x54;
const A = 0x41;
const Z = 0x5a;

/** What may begin a message in a TCP stream. */
export function readMessage(bytes: Buffer, options: ReadOptions): Reading {
  const first = bytes[0];
  if (first === undefined) return undefined;
  if (first === H && (bytes.length === 1 || bytes[1] === T)) return readHttpResponse(bytes, options);
  if (first >= A && first <= Z) return readHttpRequest(bytes, options);
  return undefined;
}

/** Whether a message surely begins here, be it ever so broken. */
export function beginsMessage(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, LONGEST_METHOD + 1);
  return text.startsWith('HTTP/1.') || METHODS.has(text.slice(0, Math.max(0, text.indexOf(' '))));
}
