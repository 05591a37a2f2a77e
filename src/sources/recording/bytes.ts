/** A file's bytes, unpacked as its content says. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { FailedError, reasonOf } from '../../events/errors.ts';

const CHUNK = 256 * 1024;

/** Iterating throws what ends it before its time: a torn or damaged member, a disk that cannot be read. */
export async function openBytes(path: string): Promise<AsyncIterable<Buffer>> {
  const start = await firstBytes(path);
  const unpack = unpackerOf(start, path);
  const file = createReadStream(path, { highWaterMark: CHUNK });
  if (unpack === undefined) return file;
  file.on('error', (error) => unpack.destroy(error));
  return file.pipe(unpack);
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw cannotRead(path, error);
  }
}

export function cannotRead(path: string, error: unknown): FailedError {
  const mend = 'name a file that `nathop record` wrote';
  return new FailedError(`${path} cannot be read: ${reasonOf(error)}`, mend, { cause: error });
}

function unpackerOf(start: Buffer, path: string): Transform | undefined {
  const magic = start.toString('hex');
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
