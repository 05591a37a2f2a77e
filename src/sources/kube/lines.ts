/** Lines of a watch as they become whole; what is cut off in the middle of one is no object. */
import type { Readable } from 'node:stream';

/** No object is larger than 1.5 MB in etcd's default, and JSON may write it out longer. */
const LINE_LIMIT = 16 << 20;
const NEWLINE = 10;

export async function* linesOf(body: Readable): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > LINE_LIMIT) throw new Error(`a line of more than ${String(LINE_LIMIT)} bytes`);
  }
}

/** A whole body, within a bound. */
export async function textOf(body: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new Error(`an answer of more than ${String(limit)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
