import type { Http2Head } from '../../events/head.ts';
import { matches } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';

/** The client's connection preface (RFC 9113, 3.4). What follows are frames, which are not read. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** So much of it is nothing else. */
const LINE = 16;

export function readHttp2(bytes: Buffer, { cut }: Pick<ReadOptions, 'cut'>): Reading<Http2Head> {
  if (!matches(bytes, PREFACE)) return undefined;
  if (bytes.length < (cut ? LINE : PREFACE.length)) return cut ? undefined : 'incomplete';
  return {
    message: { what: 'http2-preface' },
    length: Math.min(bytes.length, PREFACE.length),
    body: undefined,
  };
}
