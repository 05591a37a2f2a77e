/** One guest from its start to its end: a program goes in, what it printed and left in /mnt/out comes out. */
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { FailedError } from '../../src/events/errors.ts';
import { run } from '../lab/run.ts';
import { INIT_IN_GUEST, type Image } from './image.ts';
import { CPU, KERNEL_OPTIONS } from './suites.ts';

export interface Terminal {
  readonly output: Readable;
  readonly input: Writable;
}

export interface Job {
  /** What the guest calls itself. */
  readonly hostname: string;
  readonly image: Image;
  /** See project.ts. */
  readonly project: string;
  /** A folder for what goes in and comes out; the caller's to remove, whatever becomes of the guest. */
  readonly within: string;
  /** A line of shell. */
  readonly command: string;
  /** After which the guest is ended, whatever it does. */
  readonly seconds: number;
  /** Arguments to QEMU for network devices; without any the guest has none. */
  readonly devices?: readonly string[];
  /** The guest's terminal is ours; else its output is given back. */
  readonly interactive?: boolean;
  readonly signal?: AbortSignal;
  /** Given the guest's terminal (/dev/ttyS1) while it runs. */
  readonly talk?: (terminal: Terminal) => void;
}

export interface Answer {
  readonly status: number;
  readonly output: string;
  /** Has what the program left in /mnt/out. */
  readonly folder: string;
}

const MEMORY = '2G';
const MAILBOX_BYTES = 512 * 1024 * 1024;
const TAIL_LINES = 40;

/** @throws FailedError where the guest did not come to the end of the program, with its last words */
export async function runInGuest(job: Job): Promise<Answer> {
  const folder = await mkdtemp(join(job.within, 'guest-'));
  const mailbox = join(folder, 'mailbox');
  const console = join(folder, 'console');
  await post(folder, mailbox, job);
  const output = await boot(job, mailbox, console);
  await rm(console);
  return { ...(await answer(folder, mailbox)), output };
}

async function post(folder: string, mailbox: string, { hostname, command }: Job): Promise<void> {
  const letter = join(folder, 'letter');
  await mkdir(letter);
  await writeFile(join(letter, 'hostname'), hostname);
  await writeFile(join(letter, 'run'), `${command}\n`);
  await run('tar', ['-cf', mailbox, '-C', letter, '.']);
  await truncate(mailbox, MAILBOX_BYTES);
  await rm(letter, { recursive: true });
}

async function boot(job: Job, mailbox: string, console: string): Promise<string> {
  // Ends with us, however we end.
  const guest = execa('setpriv', ['--pdeathsig', 'KILL', ...qemu(job, mailbox, console)], {
    reject: false,
    timeout: job.seconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
    stdin: job.interactive === true ? 'inherit' : 'pipe',
    stdout: job.interactive === true ? ['inherit', 'pipe'] : 'pipe',
    ...(job.signal && { cancelSignal: job.signal }),
  });
  if (guest.stdin !== null) job.talk?.({ output: guest.stdout, input: guest.stdin });
  const { exitCode, timedOut, stdout, stderr } = await guest;
  job.signal?.throwIfAborted();
  if (exitCode === 0 && (await isAnswered(mailbox))) return stdout;
  const why = timedOut ? `did not end within ${String(job.seconds)} s` : 'ended before its program did';
  throw new FailedError(
    `${job.hostname} ${why}`,
    [stderr, ...(await tail(console)), ...stdout.split('\n').slice(-TAIL_LINES)].join('\n'),
  );
}

const qemu = ({ image, project, devices = [] }: Job, mailbox: string, console: string): string[] => [
  ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
  ...['-accel', 'tcg', '-cpu', CPU, '-smp', '2', '-m', MEMORY],
  ...['-kernel', image.kernel, '-initrd', image.initrd],
  ...[
    '-append',
    `console=ttyS0 quiet loglevel=4 panic=-1 root=/dev/vda init=${INIT_IN_GUEST} ${KERNEL_OPTIONS}`,
  ],
  // Files of their own for what the guest writes, which end with QEMU.
  ...drive(image.disk, ',snapshot=on'),
  ...drive(project, ',readonly=on'),
  ...drive(mailbox, ''),
  ...['-serial', `file:${console}`],
  ...['-chardev', 'stdio,id=terminal,signal=off', '-serial', 'chardev:terminal'],
  ...(devices.length > 0 ? devices : ['-nic', 'none']),
];

const drive = (file: string, more: string): string[] => [
  '-drive',
  `file=${file},format=raw,if=virtio${more}`,
];

/** A guest that did not come to its end leaves its letter as it was. */
async function isAnswered(mailbox: string): Promise<boolean> {
  const names = await run('tar', ['-tf', mailbox]);
  return names.split('\n').includes('./status');
}

async function answer(folder: string, mailbox: string): Promise<Omit<Answer, 'output'>> {
  await run('tar', ['-xf', mailbox, '-C', folder, '--no-same-owner']);
  await rm(mailbox);
  const status = Number(await readFile(join(folder, 'status'), 'utf8'));
  await rm(join(folder, 'status'));
  return { status, folder };
}

async function tail(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split(/\r?\n/).slice(-TAIL_LINES);
}
