/**
 * Writes the stream of events to a file, so that a crash, a kill or a full disk costs its last second and
 * nothing before: each write is one whole gzip member, and one that fails is taken back.
 */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { FailedError, reasonOf, UsageError } from '../events/errors.ts';
import type { UserError } from '../events/errors.ts';
import type { Event } from '../events/event.ts';
import type { RecordingEnd, RecordingHeader } from '../events/recording.ts';

export interface RecordingOptions {
  /** Replace a file that exists. */
  force: boolean;
  /** Told once, when writing fails; nothing is written from then on. */
  failed: (error: UserError) => void;
}

const MEMBER_BYTES = 256 * 1024;
const MEMBER_MS = 1_000;

export class RecordingWriter {
  readonly path: string;
  private readonly fd: number;
  private readonly failed: (error: UserError) => void;
  private readonly timer: NodeJS.Timeout;
  private lines: string[] = [];
  private waiting = 0;
  private size = 0;
  private events = 0;
  private open = true;

  /** @throws UsageError where the file exists or cannot be made */
  constructor(path: string, options: RecordingOptions) {
    this.path = path;
    this.fd = create(path, options.force);
    this.failed = options.failed;
    this.timer = setInterval(() => {
      this.flush();
    }, MEMBER_MS).unref();
  }

  begin(header: RecordingHeader): void {
    this.line(header);
    this.flush();
  }

  write(event: Event): void {
    if (!this.open) return;
    this.events++;
    this.line(event);
    if (this.waiting >= MEMBER_BYTES) this.flush();
  }

  /** Events written so far. */
  get count(): number {
    return this.events;
  }

  /** Ends it with its mark; may be called more than once, and last thing in the process. */
  close(): void {
    if (!this.open) return;
    this.line({ kind: 'end', events: this.events } satisfies RecordingEnd);
    this.flush();
    this.end();
  }

  private line(value: unknown): void {
    const line = JSON.stringify(value);
    this.lines.push(line);
    this.waiting += line.length;
  }

  private flush(): void {
    if (!this.open || this.lines.length === 0) return;
    const member = gzipSync(`${this.lines.join('\n')}\n`, { level: 1 });
    this.lines = [];
    this.waiting = 0;
    try {
      for (let done = 0; done < member.length;) done += writeSync(this.fd, member, done);
      this.size += member.length;
    } catch (error) {
      this.takeBack();
      this.end();
      this.failed(
        new FailedError(
          `the recording ${this.path} ends here: ${reasonOf(error)}`,
          'what was written before can be replayed; record to a disk with more room',
          { cause: error },
        ),
      );
    }
  }

  /** The part of a member that a full disk still took would make the file end in a broken one. */
  private takeBack(): void {
    try {
      ftruncateSync(this.fd, this.size);
    } catch {
      // Then the reader says that the tail is torn.
    }
  }

  private end(): void {
    this.open = false;
    clearInterval(this.timer);
    closeSync(this.fd);
  }
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

function create(path: string, force: boolean): number {
  try {
    return openSync(path, CREATE, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw cannotMake(path, error);
    if (!force) throw new UsageError(`${path} exists`, 'choose another name, or add --force to replace it');
  }
  return replace(path);
}

/** The same file emptied: a directory that root may write to is not always root's to unlink from. */
function replace(path: string): number {
  let fd: number;
  try {
    // A FIFO that nobody reads would otherwise hold us here.
    fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotMake(path, error);
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    throw new UsageError(`${path} is not a regular file`, 'choose another name');
  }
  fchmodSync(fd, 0o600);
  ftruncateSync(fd);
  return fd;
}

const cannotMake = (path: string, error: unknown): UsageError =>
  new UsageError(`${path} cannot be written: ${reasonOf(error)}`, 'choose another name', { cause: error });

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
