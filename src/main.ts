#!/usr/bin/env -S node --max-semi-space-size=32
/**
 * nathop: the entry. What is done here must come before anything else is loaded.
 *
 * Events live as long as the reorder window is wide: with Node's own 16 MB for young objects a busy node's are
 * copied again and again (twice the CPU at 50,000 events a second).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// React leaks in development mode, and chooses when it is loaded.
const { env } = process;
env['NODE_ENV'] ??= 'production';

// From src/ and from dist/ alike.
const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as { version: string };

const [{ main }, { rememberTerminals }] = await Promise.all([
  import('./cli/main.ts'),
  import('./cli/leave.ts'),
]);
const leave = rememberTerminals(process);
const programs = { probesFolder: inPackage('probes'), captureChild: inPackage('dist/capture-child.js') };
leave(await main(process.argv.slice(2), process, { version, programs }));
