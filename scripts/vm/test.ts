/**
 * `npm run test:vm [RELEASE...] [-- ARGUMENT...]`: what runs in guests, on the kernels named, all of them if none is; all
 * other words are vitest's. npm takes the `--` away.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { SUITES } from './suites.ts';

const isSuite = (word: string): boolean => (SUITES as readonly string[]).includes(word);

const words = process.argv.slice(2).filter((word) => word !== '--');
const named = words.filter(isSuite);
const others = words.filter((word) => !isSuite(word));
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'vm', ...others], {
  stdio: 'inherit',
  env: { ...process.env, NATHOP_VM: named.length > 0 ? named.join(',') : 'all' },
});
process.exit(status ?? 1);
