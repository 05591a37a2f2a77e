import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { UsageError } from '../events/errors.ts';
import { parseDuration } from './duration.ts';
import { atLeastOne } from './tracing-options.ts';

/** Flags that end a run by themselves. */
export function addLimits(verb: Command): void {
  verb
    .option('-c, --count <n>', 'stop after this many requests', atLeastOne)
    .option('--for <time>', 'stop after a time: 500ms, 30s, 5m, 1h', duration);
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof UsageError) throw new InvalidArgumentError(`${error.message}; ${error.mend}.`);
    throw error;
  }
}
