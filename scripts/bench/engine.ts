/**
 * What decoding and correlating cost: events a second on one core, and memory an open connection. Bundled as
 * nathop itself is, in a process of its own: a loader that compiles as it goes keeps the functions' names, and
 * wraps every closure for it.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { execa } from 'execa';
import * as z from 'zod';

const figures = z.object({
  /** Bytes to connections that are up to date. */
  correlatedPerSecond: z.number(),
  /** The same, and each connection closed and rendered as a request. */
  eventsPerSecond: z.number(),
  bytesPerOpenConnection: z.number(),
});

export type EngineFigures = z.infer<typeof figures>;

const BUNDLE = resolve('.cache/bench/engine.mjs');

export async function measureEngine(): Promise<EngineFigures> {
  await build({
    entryPoints: [fileURLToPath(new URL('engine-work.ts', import.meta.url))],
    outfile: BUNDLE,
    bundle: true,
    format: 'esm',
    platform: 'node',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  const { stdout } = await execa(process.execPath, ['--expose-gc', '--max-semi-space-size=32', BUNDLE]);
  return figures.parse(JSON.parse(stdout));
}
