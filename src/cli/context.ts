import type { Installed } from '../sources/machine.ts';
import type { LineSink } from './stdout.ts';

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
  readonly programs: Installed;
  /** The exit status; a verb sets it where it is not 0. */
  status: number;
}
