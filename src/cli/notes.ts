/** What is said on stderr beside errors: progress while starting, what changes while running, the sum at the end. */
import { clean } from '../events/clean.ts';

export interface Notes {
  /** While starting; shown to people who watch, or who asked for it. */
  progress(text: string): void;
  /** For who asks how it works, with --verbose. */
  detail(text: string): void;
  /** What the reader must know to judge the output: loss, missing probes, a level that changed. */
  say(text: string): void;
}

const LIMIT = 1_000;

export function notesOn(
  stderr: NodeJS.WriteStream,
  { quiet, verbose }: { quiet: boolean; verbose: boolean },
): Notes {
  const write = (text: string): void => {
    stderr.write(`nathop: ${clean(text, LIMIT)}\n`);
  };
  return {
    progress: (text) => {
      if (verbose || (stderr.isTTY && !quiet)) write(text);
    },
    detail: (text) => {
      if (verbose) write(text);
    },
    say: (text) => {
      if (!quiet) write(text);
    },
  };
}
