/**
 * `npm run test:vm [RELEASE...] [-- ARGUMENT...]`: what runs in guests, on the kernels named, all of them if none is; what
 * comes after `--` is vitest's.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

const given = process.argv.slice(2);
const own = given.findIndex((word) => word.startsWith('-'));
const releases = given.slice(0, own === -1 ? undefined : own);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'vm', ...given.slice(releases.length)], {
  stdio: 'inherit',
  env: { ...process.env, NATHOP_VM: releases.length > 0 ? releases.join(',') : 'all' },
});
process.exit(status ?? 1);
