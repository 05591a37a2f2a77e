/** Recordings as a source of events, at once or at the speed at which they were made. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../../events/event.ts';
import type { Source } from '../source.ts';
import { merge } from './merge.ts';
import type { Merged } from './merge.ts';
import { RecordingReader } from './reader.ts';

export interface ReplayOptions {
  /** 1: as it happened; 10: ten times as fast; 0: at once. */
  speed: number;
  /** Told in one line what of a file could not be used. */
  note: (text: string) => void;
  /** Awaited between batches, so that who listens can keep up. */
  keepUp?: () => Promise<void>;
}

export class RecordingSource implements Source {
  readonly done: Promise<Error | undefined>;
  readonly readers: readonly RecordingReader[];
  /** Nanoseconds since 1970 of event time 0. */
  readonly wallOffset: bigint;
  private readonly merged: Merged;
  private readonly options: ReplayOptions;
  private readonly stopped = new AbortController();
  private settle: (error: Error | undefined) => void = () => undefined;

  /** @throws FailedError, UsageError for what cannot be replayed */
  static async open(paths: readonly string[], options: ReplayOptions): Promise<RecordingSource> {
    const readers: RecordingReader[] = [];
    for (const path of paths) readers.push(await RecordingReader.open(path, options.note));
    return new RecordingSource(readers, await merge(readers), options);
  }

  private constructor(readers: readonly RecordingReader[], merged: Merged, options: ReplayOptions) {
    this.readers = readers;
    this.options = options;
    this.merged = merged;
    this.wallOffset = this.merged.wallOffset;
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  start(emit: (event: Event) => void): Promise<void> {
    void this.run(emit).then(
      () => {
        this.settle(undefined);
      },
      (error: unknown) => {
        this.settle(error instanceof Error ? error : new Error(String(error)));
      },
    );
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.done;
  }

  private async run(emit: (event: Event) => void): Promise<void> {
    const pace = new Pace(this.options.speed, this.stopped.signal);
    for await (const batch of this.merged.batches()) {
      for (const event of batch) {
        if (pace.isAhead(event.at)) await pace.wait(event.at);
        if (this.stopped.signal.aborted) break;
        emit(event);
      }
      await this.options.keepUp?.();
      if (this.stopped.signal.aborted) break;
    }
    for (const reader of this.readers) await reader.close();
  }
}

/** Shorter waits than this are not worth a timer. */
const GRAIN_MS = 10;

class Pace {
  private readonly nsPerMs: number;
  private readonly signal: AbortSignal;
  private begun: { at: number; ms: number } | undefined;

  constructor(speed: number, signal: AbortSignal) {
    this.nsPerMs = speed * 1e6;
    this.signal = signal;
  }

  isAhead(at: number): boolean {
    return this.nsPerMs > 0 && this.dueIn(at) > GRAIN_MS;
  }

  async wait(at: number): Promise<void> {
    await sleep(this.dueIn(at), undefined, { signal: this.signal }).catch(() => undefined);
  }

  private dueIn(at: number): number {
    const now = performance.now();
    this.begun ??= { at, ms: now };
    return (at - this.begun.at) / this.nsPerMs - (now - this.begun.ms);
  }
}
