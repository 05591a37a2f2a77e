/** The live view in a real pseudo-terminal, seen through a terminal emulator. */
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';
import { spawn } from 'node-pty';

const RUNNER = fileURLToPath(new URL('runner.ts', import.meta.url));
const WAIT_MS = 30_000;

export interface Options {
  readonly columns?: number;
  readonly rows?: number;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Run by bash, with job control, instead of directly. */
  readonly shell?: boolean;
}

export class Session {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #pty: ReturnType<typeof spawn>;
  #raw = '';
  readonly exited: Promise<{ exitCode: number; signal?: number | undefined }>;

  constructor({ columns = 80, rows = 24, args = [], env = {}, shell = false }: Options = {}) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    const command = [process.execPath, '--import', 'tsx', RUNNER, ...args];
    const [file, ...rest] = shell ? ['bash', '--norc', '-i'] : command;
    this.#pty = spawn(file ?? '', rest, {
      cols: columns,
      rows,
      name: 'xterm-256color',
      env: { ...process.env, LANG: 'C.UTF-8', TZ: 'UTC', CI: 'false', NO_COLOR: undefined, ...env },
    });
    this.#pty.onData((data) => {
      this.#raw += data;
      this.#terminal.write(data);
    });
    this.exited = new Promise((resolve) => this.#pty.onExit(resolve));
    if (shell) this.type(`${command.join(' ')}\r`);
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** Every byte the program wrote. */
  get raw(): string {
    return this.#raw;
  }

  lines(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from({ length: this.#terminal.rows }, (_, index) =>
      (active.getLine(active.baseY + index)?.translateToString(true) ?? '').trimEnd(),
    );
  }

  screen(): string {
    return this.lines().join('\n');
  }

  get onAlternateScreen(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  get cursorShown(): boolean {
    return this.#raw.lastIndexOf('\x1b[?25h') >= this.#raw.lastIndexOf('\x1b[?25l');
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Waits until the screen is as expected; fails with what it shows instead. */
  async until(expected: RegExp | ((screen: string) => boolean)): Promise<string> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const screen = this.screen();
      if (expected instanceof RegExp ? expected.test(screen) : expected(screen)) return screen;
      if (Date.now() > end) throw new Error(`not seen: ${String(expected)}, but:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The terminal is gone, as when the ssh connection breaks. */
  hangUp(): void {
    this.#pty.kill('SIGHUP');
  }

  end(): void {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
