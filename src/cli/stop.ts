/** What ends a run; the first cause counts. */
import { cleanUpNow } from './cleanup.ts';

export type Cause =
  | { readonly by: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly by: 'count' | 'time' | 'command' | 'user' | 'end' | 'closed' }
  | { readonly by: 'error'; readonly error: Error };

export class Stop {
  readonly happened: Promise<Cause>;
  private settle: (cause: Cause) => void = () => undefined;

  constructor() {
    this.happened = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  because(cause: Cause): void {
    this.settle(cause);
  }

  failed(error: unknown): void {
    this.settle({ by: 'error', error: error instanceof Error ? error : new Error(String(error)) });
  }
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * The first signal ends the run in good order; a second one ends the process at once.
 * @returns takes the listeners away
 */
export function stopOnSignals(stop: Stop): () => void {
  let before = false;
  const listeners = Object.entries(SIGNALS).map(([name, number]) => {
    const signal = name as keyof typeof SIGNALS;
    const listener = (): void => {
      if (before) {
        cleanUpNow();
        process.exit(128 + number);
      }
      before = true;
      stop.because({ by: 'signal', signal });
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const remove of listeners) remove();
  };
}
