import type { LineSink } from './stdout.ts';

/** Where the programs are that run beside us. */
export interface Programs {
  /** Folder of the bpftrace programs. */
  readonly probesFolder: string;
  /** The process that captures message heads, as it was built. */
  readonly captureChild: string;
}

/** What the process gives a verb, so that a verb takes nothing from the air. */
export interface Context {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Stdout by lines; everything but the view goes through it. */
  readonly out: LineSink;
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
  /** What stands after `--`. */
  readonly command: readonly string[] | undefined;
  readonly version: string;
  readonly programs: Programs;
  /** The exit status; a verb sets it where it is not 0. */
  status: number;
}
