/** Ctrl-Z and fg: the terminal is the shell's while we are stopped, and ours again afterwards. */
import type { Screen } from './screen.ts';

export class JobControl {
  readonly #screen: Screen;
  readonly #stdin: NodeJS.ReadStream;
  readonly #stopped = (): void => this.suspend();
  readonly #continued = (): void => this.#resume();

  constructor(screen: Screen, stdin: NodeJS.ReadStream) {
    this.#screen = screen;
    this.#stdin = stdin;
    process.on('SIGTSTP', this.#stopped);
    process.on('SIGCONT', this.#continued);
  }

  suspend(): void {
    this.#screen.leave();
    this.#stdin.setRawMode(false);
    process.off('SIGTSTP', this.#stopped);
    // The whole job, as the terminal itself would: the shell looks at its leader (npx, sudo).
    process.kill(0, 'SIGTSTP');
    // Reached when the shell continues us; at once where no shell controls the job and the signal is void.
    setTimeout(() => this.#resume(), 50);
  }

  dispose(): void {
    process.off('SIGTSTP', this.#stopped);
    process.off('SIGCONT', this.#continued);
  }

  #resume(): void {
    process.off('SIGTSTP', this.#stopped);
    process.on('SIGTSTP', this.#stopped);
    // Off and on: libuv believes the mode unchanged, but the shell has changed it.
    this.#stdin.setRawMode(false);
    this.#stdin.setRawMode(true);
    this.#screen.enter();
    this.#screen.forget();
    this.#screen.repaint();
  }
}
