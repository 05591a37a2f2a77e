import { execa } from 'execa';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../../src/cli/main.ts';

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** The command line in this process, without a terminal. */
export async function nathop(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const stdout = new PassThrough({ highWaterMark: 1 << 24 });
  const stderr = new PassThrough({ highWaterMark: 1 << 24 });
  const fake = Object.assign(new EventEmitter(), {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env,
    exit: (status: number) => {
      throw new Error(`exit ${status}`);
    },
  });
  const status = await main(args, fake as unknown as NodeJS.Process, {
    version: '0.0.0',
    programs: {
      probesFolder: new URL('../../probes', import.meta.url).pathname,
      captureChild: new URL('../../dist/capture-child.js', import.meta.url).pathname,
    },
  });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

/** The same as a process of its own, which signals and closed pipes reach. */
export const nathopProcess = (args: readonly string[]) =>
  execa(
    process.execPath,
    ['--import', 'tsx', new URL('../../src/main.ts', import.meta.url).pathname, ...args],
    {
      reject: false,
      env: { NODE_OPTIONS: '' },
    },
  );
