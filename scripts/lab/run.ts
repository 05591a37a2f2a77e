/** Running the programs the lab is made with. */
import { execa, ExecaError } from 'execa';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** What is wrong and what to do about it, one line each. */
export class LabError extends Error {
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.advice = advice;
  }
}

/** @param program says it @throws what is none of ours: a bug keeps its stack */
export function report(program: string, error: unknown): void {
  if (!(error instanceof LabError)) throw error;
  console.error(`${program}: ${error.message}\n${error.advice}`);
  process.exitCode = 1;
}

export interface RunOptions {
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end and gives what it printed. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  try {
    const { stdout } = await execa(command, [...args], {
      input: options.input ?? '',
      env: { LC_ALL: 'C' },
      ...(options.signal && { cancelSignal: options.signal, forceKillAfterDelay: 500 }),
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecaError) || error.isCanceled) throw error;
    if (error.code === 'ENOENT') {
      throw new LabError(
        `${command} is not installed`,
        'Run `npm run setup`, or install the packages in scripts/packages.txt.',
      );
    }
    const stderr: unknown = error.stderr;
    // What a Python program fails by stands at the end, after the way to it.
    const lines = typeof stderr === 'string' ? stderr.trim().split('\n') : [];
    const said = lines[0]?.startsWith('Traceback') ? lines.at(-1) : lines[0];
    throw new LabError(
      `${command} ${args.join(' ')}: ${said ?? error.shortMessage}`,
      'Run it by hand to see more.',
    );
  }
}

export const runIn = (
  namespace: string,
  [command, ...args]: readonly [string, ...string[]],
  options?: RunOptions,
): Promise<string> => run('ip', ['netns', 'exec', namespace, command, ...args], options);

/**
 * A program of `peer/` and its arguments, with a JSON document as its input. It runs under Debian's own python3:
 * a version manager's shim takes up to 300 ms to start.
 */
export const runPeer = (
  [program, ...args]: readonly [string, ...string[]],
  input: unknown,
  options: RunOptions = {},
): Promise<string> =>
  run('/usr/bin/python3', ['-ESB', fileURLToPath(new URL(`peer/${program}`, import.meta.url)), ...args], {
    ...options,
    input: JSON.stringify(input),
  });
