import { readProc } from './proc.ts';

/** A node may have a hundred thousand routes in its trie; what stands beyond this is not compared. */
const LIMIT = 256 << 10;

/**
 * A text that changes with a namespace's devices and addresses, read from /proc without entering it.
 * Undefined where it has no process, which is the only way in from outside.
 */
export function readSignature(pids: readonly number[]): string | undefined {
  for (const pid of pids.slice(0, 3)) {
    const devices = readProc(`/proc/${pid}/net/dev`, LIMIT);
    if (devices === undefined) continue;
    const trie = readProc(`/proc/${pid}/net/fib_trie`, LIMIT) ?? '';
    const inet6 = readProc(`/proc/${pid}/net/if_inet6`, LIMIT) ?? '';
    return [deviceNames(devices), localAddresses(trie), inet6].join('\n');
  }
  return undefined;
}

/** Without the counters behind the names. */
export const deviceNames = (text: string): string =>
  [...text.matchAll(/^ *([^:\s]+):/gm)].map(([, name]) => name).join(' ');

/** fib_trie holds the local table too: there each address of the namespace is a host route. */
export const localAddresses = (trie: string): string =>
  [...trie.matchAll(/\|-- (\S+)\n +\/32 host LOCAL/g)].map(([, address]) => address).join(' ');
