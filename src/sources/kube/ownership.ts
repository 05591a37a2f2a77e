import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** In words, who but root may change what stands in a file, or put another in its place; undefined: nobody. */
export async function whoElseMayWrite(path: string): Promise<string | undefined> {
  let at = await realpath(path);
  for (let isFile = true; ; isFile = false) {
    const { uid, mode } = await stat(at);
    if (uid !== 0) return `${at} belongs to user ${String(uid)}`;
    // In a directory like /tmp others may add files, and not replace root's.
    const shared = (mode & WRITABLE_BY_OTHERS) !== 0 && (isFile || (mode & STICKY) === 0);
    if (shared) return `${at} may be written by others`;
    const parent = dirname(at);
    if (parent === at) return undefined;
    at = parent;
  }
}
