/**
 * Lines to stdout. A closed pipe is no error: it is how a reader says that it has enough. A reader too slow for
 * what happens may not make us hold all of it, nor stand still, so what is too much is left out, counted.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { FailedError, reasonOf } from '../events/errors.ts';

const HELD_BYTES = 64 * 1024 * 1024;
/** Written at once, at the latest when the lines of one turn of the event loop are there. */
const BATCH = 64 * 1024;

export class LineSink {
  /** Aborted when nobody reads any more. */
  readonly closed: AbortSignal;
  /** Lines that the reader was too slow for. */
  leftOut = 0;
  private readonly stream: Writable;
  private readonly closing = new AbortController();
  private error: Error | undefined;
  private batch = '';

  constructor(stream: Writable) {
    this.stream = stream;
    this.closed = this.closing.signal;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A terminal that went away says EIO.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') this.error = error;
      this.closing.abort();
    });
  }

  line(text: string): void {
    if (this.closed.aborted) return;
    if (this.stream.writableLength > HELD_BYTES) {
      this.leftOut++;
      return;
    }
    if (this.batch === '') process.nextTick(() => this.write());
    this.batch += `${text}\n`;
    if (this.batch.length >= BATCH) this.write();
  }

  private write(): void {
    if (this.batch !== '' && !this.closed.aborted) this.stream.write(this.batch);
    this.batch = '';
  }

  /** Resolves when the reader has taken enough for more to be made; for sources that can wait. */
  async keepUp(): Promise<void> {
    this.write();
    if (!this.stream.writableNeedDrain || this.closed.aborted) return;
    await once(this.stream, 'drain', { signal: this.closed }).catch(() => undefined);
  }

  /** Resolves when all is written, or nobody reads. @throws FailedError where stdout failed but by a reader's leaving */
  async drained(): Promise<void> {
    this.write();
    // Also where nothing is held: a file is written at once, and says only later that its disk is full.
    if (!this.closed.aborted) {
      await new Promise<void>((resolve) => {
        this.closed.addEventListener('abort', () => resolve(), { once: true });
        this.stream.write('', () => resolve());
      });
    }
    if (this.error === undefined) return;
    throw new FailedError(
      `stdout cannot be written: ${reasonOf(this.error)}`,
      'what was printed before is whole; send it to where there is room',
      { cause: this.error },
    );
  }
}
