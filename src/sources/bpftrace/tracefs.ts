/**
 * tracefs, which bpftrace needs. Where the machine has not mounted it, it is mounted in a mount namespace
 * that dies with us: the node's own mounts stay as they are.
 */
import { constants } from 'node:fs';
import { access, readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type { Subprocess } from 'execa';
import { toolEnvironment } from '../../cluster/netns/run.ts';
import { tied } from '../../cluster/netns/tied.ts';

const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const PRIVATE_POINT = '/sys/kernel/tracing';

export interface Tracefs {
  /** What nsenter needs to be told so that a command sees tracefs; nothing where all see it. */
  enter: readonly string[];
  has(file: string): Promise<boolean>;
  hasEvent(tracepoint: string): Promise<boolean>;
  eventFormat(tracepoint: string): Promise<string>;
  close(): Promise<void>;
}

/** @throws where it can neither be found nor mounted */
export async function openTracefs(): Promise<Tracefs> {
  for (const point of MOUNT_POINTS) {
    if (await exists(`${point}/events`)) return mounted(point, [], () => Promise.resolve());
  }
  return mountPrivately();
}

async function mountPrivately(): Promise<Tracefs> {
  // A process that only holds the namespace open.
  const holder = execa(
    ...tied('KILL', ['unshare', '--mount', '--propagation', 'private', 'sleep', 'infinity']),
    {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
      reject: false,
      detached: true,
      env: toolEnvironment(),
    },
  );
  const close = async (): Promise<void> => {
    // What could not be started has process id 0, and that is all of our own group (kill(2)).
    if (holder.pid !== undefined) holder.kill('SIGKILL');
    await holder;
  };
  try {
    const pid = await unshared(holder);
    const enter = [`--mount=/proc/${String(pid)}/ns/mnt`, '--wd=/'];
    await execa('nsenter', [...enter, '--', 'mount', '-t', 'tracefs', 'tracefs', PRIVATE_POINT], {
      env: toolEnvironment(),
    });
    // The holder's root shows its own mounts.
    return mounted(`/proc/${String(pid)}/root${PRIVATE_POINT}`, enter, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Waits until the holder has a mount namespace of its own: it has become `sleep`. */
async function unshared(holder: Subprocess): Promise<number> {
  const pid = holder.pid;
  if (pid === undefined) throw new Error('setpriv could not be started');
  for (let tries = 0; tries < 200; tries++) {
    if (holder.exitCode !== null) break;
    const comm = await readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => '');
    if (comm.trim() === 'sleep') return pid;
    await delay(5);
  }
  throw new Error('a private mount namespace could not be made');
}

function mounted(point: string, enter: readonly string[], close: () => Promise<void>): Tracefs {
  return {
    enter,
    has: (file) => exists(`${point}/${file}`),
    hasEvent: (tracepoint) =>
      readdir(`${point}/events/${tracepoint}`).then(
        () => true,
        () => false,
      ),
    eventFormat: (tracepoint) => readFile(`${point}/events/${tracepoint}/format`, 'utf8'),
    close,
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
