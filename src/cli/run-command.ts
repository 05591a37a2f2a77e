/** The command after `--`, whose traffic is to be seen. */
import { execa } from 'execa';
import { UsageError } from '../events/errors.ts';
import { onWayOut } from './cleanup.ts';

const STDERR = 2;
/** Its last packets are still on their way through the buffers, and a close takes a round trip. */
const SETTLE_MS = 500;
const KILL_AFTER_MS = 2_000;

/**
 * Its output goes to stderr, since stdout is data.
 * @returns when it has ended and its last packets are in: how it failed, in words, if it did
 */
export async function runCommand(words: readonly string[]): Promise<string | undefined> {
  const [file = '', ...args] = words;
  const child = execa(file, args, {
    stdin: 'inherit',
    stdout: STDERR,
    stderr: 'inherit',
    reject: false,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  const done = onWayOut(async () => {
    child.kill();
    await child;
  });
  const result = await child;
  done();
  if (result.failed && result.exitCode === undefined && result.signal === undefined) {
    throw new UsageError(
      `the command ${file} could not be started: ${result.originalMessage ?? 'unknown'}`,
      'name a program after -- that can be run, with its arguments; no shell reads it',
      { cause: result.cause },
    );
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  if (result.signal !== undefined) return `${file} was ended by ${result.signal}`;
  return result.exitCode === 0 ? undefined : `${file} ended with status ${String(result.exitCode)}`;
}
