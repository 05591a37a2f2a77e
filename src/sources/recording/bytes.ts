/** A file's bytes, unpacked as its content says. */
import { createReadStream } from 'node:fs';
import { pipeline, Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { FailedError, reasonOf } from '../../events/errors.ts';

const CHUNK = 256 * 1024;
const MAGIC_BYTES = 4;

/**
 * A pipe does as well as a file: it is read once, from its beginning. Iterating throws what ends it before its time:
 * a torn or damaged member, a disk that cannot be read.
 */
export async function openBytes(path: string): Promise<AsyncIterable<Buffer>> {
  const file = createReadStream(path, { highWaterMark: CHUNK });
  const chunks: AsyncIterator<Buffer, undefined> = file[Symbol.asyncIterator]();
  const start = await firstBytes(chunks).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  const unpack = unpackerOf(start, path);
  const whole = wholeOf(start, chunks);
  // What ends the file early ends the unpacking, whose reader is told.
  return unpack === undefined ? whole : pipeline(Readable.from(whole), unpack, () => undefined);
}

/** Enough to tell how it is packed; a pipe may give less at a time. */
async function firstBytes(chunks: AsyncIterator<Buffer, undefined>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

async function* wholeOf(start: Buffer, rest: AsyncIterator<Buffer, undefined>): AsyncGenerator<Buffer> {
  try {
    if (start.length > 0) yield start;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

export function cannotRead(path: string, error: unknown): FailedError {
  const mend = 'name a file that `nathop record` wrote';
  return new FailedError(`${path} cannot be read: ${reasonOf(error)}`, mend, { cause: error });
}

function unpackerOf(start: Buffer, path: string): Transform | undefined {
  const magic = start.toString('hex', 0, MAGIC_BYTES);
  if (magic.startsWith('1f8b')) return zlib.createGunzip({ chunkSize: CHUNK });
  if (magic !== '28b52ffd') return undefined;
  // Node 22.15 and newer; the types are those of Node 20.
  const zstd: unknown = Reflect.get(zlib, 'createZstdDecompress');
  const stream: unknown = typeof zstd === 'function' ? zstd.call(zlib, { chunkSize: CHUNK }) : undefined;
  if (stream instanceof Transform) return stream;
  throw new FailedError(
    `${path} is packed with zstd, which Node ${process.versions.node} cannot read`,
    `unpack it first (zstd -d ${path}), or use Node 22.15 or newer`,
  );
}
