import type { Event } from '../events/event.ts';

/** Where events come from: bpftrace, tables, names, a recording. All are alike to what follows. */
export interface Source {
  /** Resolves once everything is attached (or opened); throws what the user must mend. */
  start(emit: (event: Event) => void): Promise<void>;
  /** Ends it and leaves nothing behind; may be called at any time, more than once. */
  stop(): Promise<void>;
  /** Settles when it has ended by itself: undefined at its natural end, the error that ended it otherwise. */
  readonly done: Promise<Error | undefined>;
}
