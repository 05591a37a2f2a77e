/**
 * A run from its start to its end: source → pipeline → what listens. Every verb that shows requests is one of
 * these; they differ in the source and in where the requests go.
 */
import { UserError } from '../events/errors.ts';
import type { Event } from '../events/event.ts';
import type { Source } from '../sources/source.ts';
import { onWayOut } from './cleanup.ts';
import type { Pipeline } from './pipeline.ts';
import { runCommand } from './run-command.ts';
import { clearReadyFile, makeReadyFile } from './ready-file.ts';
import { stopOnSignals } from './stop.ts';
import type { Cause, Stop } from './stop.ts';

export interface RunOptions {
  readonly source: Source;
  readonly pipeline: Pipeline;
  readonly stop: Stop;
  readonly readyFile?: string;
  readonly forMs?: number;
  readonly command?: readonly string[];
  /** Told how the command failed, in words; our own exit status does not depend on it. */
  readonly commandFailed?: (text: string) => void;
  /** Everything is attached. */
  readonly ready?: () => void;
  /** Told that the source has ended by itself; absent: that ends the run. */
  readonly ended?: (error: Error | undefined) => void;
}

/**
 * Resolves when the source has ended, everything that it still held has passed the pipeline, and what it
 * attached is gone: with the cause. Rejects with what kept it from starting.
 */
export async function run(options: RunOptions): Promise<Cause> {
  const { source, pipeline, stop, readyFile, forMs, command } = options;
  const forget = stopOnSignals(stop);
  const ended = onWayOut(() => source.stop());
  let timer: NodeJS.Timeout | undefined;
  let removeReady = (): void => undefined;
  try {
    if (readyFile !== undefined) clearReadyFile(readyFile);
    const take = (event: Event): void => {
      pipeline.take(event);
    };
    const started = source.start(take).then(() => 'started' as const);
    const first = await Promise.race([started, stop.happened]);
    if (first === 'started') {
      const ends = (error: Error | undefined): void => {
        stop.because(error === undefined ? { by: 'end' } : { by: 'error', error });
      };
      void source.done.then(options.ended ?? ends);
      if (readyFile !== undefined) removeReady = makeReadyFile(readyFile);
      options.ready?.();
      if (forMs !== undefined) timer = setTimeout(() => stop.because({ by: 'time' }), forMs);
      if (command !== undefined) {
        void runCommand(command).then(
          (failure) => {
            if (failure !== undefined) options.commandFailed?.(failure);
            stop.because({ by: 'command' });
          },
          (error: unknown) => stop.failed(error),
        );
      }
    }
    return await stop.happened;
  } finally {
    clearTimeout(timer);
    removeReady();
    await source.stop();
    ended();
    forget();
  }
}

/** What a cause means for who called us: nothing, or an error to complain of. */
export function errorOf(cause: Cause): Error | undefined {
  if (cause.by !== 'error') return undefined;
  const { error } = cause;
  // It could trace, and then could no more.
  return error instanceof UserError && error.status === 3
    ? new UserError(1, `tracing broke off: ${error.message}`, error.mend, { cause: error })
    : error;
}
