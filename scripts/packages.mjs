/** Debian's packages by what needs them: packages.txt says which, and why. */
import { readFileSync } from 'node:fs';

const list = readFileSync(new URL('packages.txt', import.meta.url), 'utf8');

export const runtime = group('runtime');
export const lab = group('lab');
export const services = group('services');
export const build = group('build');
export const test = group('test');
export const bench = group('bench');
export const vm = group('vm');

/** @param {string} name @returns {string[]} */
function group(name) {
  const line = list.split('\n').find((text) => text.startsWith(`${name}: `));
  if (line === undefined) throw new Error(`packages.txt has no group ${name}`);
  return line.slice(name.length + 2).split(' ');
}
