import { readdirSync, readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { ListenerFact } from '../../events/event.ts';
import type { FoundNetns } from './find.ts';
import { readProc } from './proc.ts';
import { readProcess } from './processes.ts';
import { type ListeningSocket, parseSctp, parseTcp, parseUdp } from './sockets.ts';

/** Of a table of sockets, what is beyond this is not looked at: 150 bytes a line. */
const TABLE_LIMIT = 1 << 20;
/** Listeners kept a namespace. */
const LISTENER_LIMIT = 1024;

interface Reading {
  /** How many sockets there were: while that stays, so do most likely they. */
  readonly counts: string;
  readonly sockets: readonly ListeningSocket[];
}

type Owner = Pick<ListenerFact, 'process' | 'podUid' | 'container'>;

/**
 * Who listens in each namespace, by /proc alone: `ss` would make the kernel load its diag modules. Remembers
 * what it read and which process owns which socket. A socket that no process of the namespace holds (the
 * kernel's own) is left out.
 */
export class ListenerReader {
  readonly #readings = new Map<number, Reading>();
  readonly #owners = new Map<number, Owner | undefined>();

  async read({ inum, pids }: FoundNetns): Promise<ListenerFact[]> {
    const [pid] = pids;
    if (pid === undefined) return [];
    const counts = socketCounts(pid);
    let reading = this.#readings.get(inum);
    if (reading?.counts !== counts) {
      reading = { counts, sockets: await listening(pid, counts) };
      this.#readings.set(inum, reading);
    }
    const strangers = new Set(
      reading.sockets.map(({ inode }) => inode).filter((inode) => !this.#owners.has(inode)),
    );
    if (strangers.size > 0) await this.#findOwners(strangers, pids);
    return reading.sockets
      .flatMap(({ inode, ...socket }) => {
        const owner = this.#owners.get(inode);
        return owner ? [{ ...socket, ...owner }] : [];
      })
      .slice(0, LISTENER_LIMIT);
  }

  /** Forgets, so that all is read anew: a server may have taken another's place, its inode number too. */
  forget(): void {
    this.#readings.clear();
    this.#owners.clear();
  }

  async #findOwners(inodes: Set<number>, pids: readonly number[]): Promise<void> {
    for (const [index, pid] of pids.entries()) {
      if (inodes.size === 0) return;
      if (index % 20 === 19) await setImmediate();
      const held = socketsOf(pid).filter((inode) => inodes.delete(inode));
      if (held.length === 0) continue;
      const owner = ownerOf(pid);
      for (const inode of held) this.#owners.set(inode, owner);
    }
    for (const inode of inodes) this.#owners.set(inode, undefined);
  }
}

function ownerOf(pid: number): Owner {
  const { comm = '', podUid, container } = readProcess(pid) ?? {};
  return {
    process: { pid, comm },
    ...(podUid === undefined ? {} : { podUid }),
    ...(container === undefined ? {} : { container }),
  };
}

function socketCounts(pid: number): string {
  const text = ['sockstat', 'sockstat6']
    .map((name) => readProc(`/proc/${pid}/net/${name}`, 4096) ?? '')
    .join('');
  return [
    ...text.matchAll(/^(?:TCP|UDP)6?: inuse \d+/gm),
    readProc(`/proc/${pid}/net/sctp/eps`, TABLE_LIMIT),
  ].join('\n');
}

async function listening(pid: number, counts: string): Promise<ListeningSocket[]> {
  const table = (protocol: 'TCP' | 'TCP6' | 'UDP' | 'UDP6'): Promise<string> =>
    new RegExp(`^${protocol}: inuse [1-9]`, 'm').test(counts)
      ? readTable(
          `/proc/${pid}/net/${protocol.toLowerCase()}`,
          protocol.startsWith('T') ? pastListeners : () => false,
        )
      : Promise.resolve('');
  return [
    ...parseTcp(await table('TCP')),
    ...parseTcp(await table('TCP6')),
    ...parseUdp(await table('UDP')),
    ...parseUdp(await table('UDP6')),
    ...parseSctp(readProc(`/proc/${pid}/net/sctp/eps`, TABLE_LIMIT) ?? ''),
  ];
}

/**
 * In a thread of its own: to find one namespace's connections the kernel walks the whole machine's table of
 * them, two to four milliseconds.
 */
async function readTable(path: string, enough: (text: string) => boolean): Promise<string> {
  let file: FileHandle | undefined;
  let text = '';
  try {
    file = await open(path);
    const buffer = Buffer.allocUnsafe(64 << 10);
    while (text.length < TABLE_LIMIT) {
      // One read gives a page at most.
      const { bytesRead } = await file.read({ buffer });
      text += buffer.toString('latin1', 0, bytesRead);
      if (bytesRead === 0 || enough(text)) break;
    }
  } catch {
    // Its process has ended.
  } finally {
    await file?.close();
  }
  return text;
}

/** TCP's listening sockets (0A) come first (tcp_seq_start), tens of thousands of connections may follow. */
const pastListeners = (text: string): boolean =>
  /\n *\d+: [0-9A-F:]+ [0-9A-F:]+ (?!0A)[0-9A-F]{2} /.test(text);

function socketsOf(pid: number): number[] {
  const inodes: number[] = [];
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = socketInode(`/proc/${pid}/fd/${fd}`);
      if (inode !== undefined) inodes.push(inode);
    }
  } catch {
    // It has ended: what it held is gone too.
  }
  return inodes;
}

function socketInode(path: string): number | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}
