/** Everything that ends the view besides a key: signals, the terminal going away, the caller. */

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

export class Ending {
  /** The signal that ended it; nothing where it ended otherwise. */
  readonly done: Promise<NodeJS.Signals | undefined>;
  readonly end: (signal: NodeJS.Signals | undefined) => void;
  readonly #undo: (() => void)[] = [];

  constructor(options: { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; signal?: AbortSignal }) {
    const { stdin, stdout, signal } = options;
    let settle: (signal: NodeJS.Signals | undefined) => void = () => undefined;
    this.done = new Promise((resolve) => (settle = resolve));
    this.end = settle;
    for (const name of SIGNALS) this.#listen(process, name, () => this.end(name));
    // A terminal that is gone: reading ends, writing fails with EIO.
    this.#listen(stdin, 'end', () => this.end('SIGHUP'));
    this.#listen(stdin, 'error', () => this.end('SIGHUP'));
    this.#listen(stdout, 'error', () => this.end('SIGHUP'));
    const aborted = (): void => this.end(undefined);
    if (signal?.aborted === true) aborted();
    signal?.addEventListener('abort', aborted, { once: true });
    this.#undo.push(() => signal?.removeEventListener('abort', aborted));
  }

  dispose(): void {
    for (const undo of this.#undo) undo();
  }

  #listen(emitter: NodeJS.EventEmitter, name: string, listener: () => void): void {
    emitter.on(name, listener);
    this.#undo.push(() => emitter.off(name, listener));
  }
}
