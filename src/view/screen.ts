/**
 * The terminal's alternate screen: entered, painted line by line, and always left. Only the lines that
 * changed are written, which keeps it quiet over ssh.
 */
const ENTER = '\x1b[?1049h';
const LEAVE = '\x1b[?1049l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** A line too wide by the terminal's own count of cells must not push the next one down. */
const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
const CLEAR = '\x1b[0m\x1b[2J';
/** Terminals that know synchronized output show a frame at once; the others ignore it. */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';

export class Screen {
  readonly #out: NodeJS.WriteStream;
  #shown: readonly string[] = [];
  #frame: readonly string[] = [];
  #entered = false;
  readonly #leave = (): void => this.leave();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  get columns(): number {
    return this.#out.columns || 80;
  }

  get rows(): number {
    return this.#out.rows || 24;
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    // Whoever ends the process, and for whatever reason: the monitor runs before the error is printed.
    process.on('exit', this.#leave);
    process.on('uncaughtExceptionMonitor', this.#leave);
    this.#write(ENTER + HIDE_CURSOR + NO_WRAP);
    this.forget();
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
    this.#write(END + WRAP + LEAVE + SHOW_CURSOR);
  }

  /** What the terminal shows is not known any more: after a resize, and when we come back from the shell. */
  forget(): void {
    this.#shown = [];
    if (this.#entered) this.#write(CLEAR);
  }

  /** What of the latest frame is not on the terminal yet. */
  repaint(): void {
    this.paint(this.#frame);
  }

  paint(frame: readonly string[]): void {
    this.#frame = frame;
    if (!this.#entered) return;
    const lines = frame.slice(0, this.rows);
    let changes = '';
    lines.forEach((line, index) => {
      // Erased first: after a line as wide as the screen, an erase would take its last character.
      if (this.#shown[index] !== line) changes += `\x1b[${index + 1};1H\x1b[0m\x1b[K${line}`;
    });
    this.#shown = lines;
    if (changes !== '') this.#write(`${BEGIN}${changes}${END}`);
  }

  #write(text: string): void {
    if (this.#out.writable) this.#out.write(text);
  }
}
