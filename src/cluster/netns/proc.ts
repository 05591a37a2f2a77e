import { closeSync, openSync, readSync } from 'node:fs';

/** One read of /proc gives at most a page or so; the buffer is filled anew for each file, without waiting. */
const buffer = Buffer.allocUnsafe(64 << 10);

/**
 * The beginning of a file under /proc, which has no size to go by: up to `limit` bytes, or up to where the
 * reader has `enough`. Undefined where there is no such file, or its process has ended.
 */
export function readProc(
  path: string,
  limit: number,
  enough: (text: string) => boolean = () => false,
): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    // A byte a character, so that no sequence is cut at the end of a page.
    let text = '';
    while (text.length < limit) {
      const length = readSync(file, buffer, 0, Math.min(buffer.length, limit - text.length), null);
      if (length === 0) break;
      text += buffer.toString('latin1', 0, length);
      if (enough(text)) break;
    }
    return Buffer.from(text, 'latin1').toString('utf8');
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
