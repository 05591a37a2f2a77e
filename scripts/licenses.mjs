/** The licences of what is bundled: each wants to be given on with the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {Iterable<string>} inputs paths of bundled files
 * @returns {string} every package among them, with its licence in full
 * @throws where a package has none
 */
export function licensesOf(inputs) {
  const folders = new Set([...inputs].map(packageFolder).filter((folder) => folder !== undefined));
  return [...folders].sort().map(licenseOf).join('');
}

/** @param {string} path @returns {string | undefined} */
const packageFolder = (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];

/** @param {string} folder @returns {string} */
function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined && license === undefined) throw new Error(`${name} ${version} tells no licence`);
  const text = file === undefined ? '' : `${readFileSync(join(folder, file), 'utf8').trim()}\n\n`;
  return `${name} ${version} (${license})\n\n${text}${'-'.repeat(80)}\n\n`;
}
