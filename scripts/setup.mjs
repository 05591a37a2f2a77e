/**
 * Everything a bare machine lacks for `npm run demo` or `npm test`: Debian's packages, npm's, the build. What
 * is there already is left as it is, so a second run takes no time. Runs before anything is installed: plain
 * JavaScript, Node's own modules only.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bench, build as buildPackages, lab, runtime, services, test, vm } from './packages.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const forTests = process.argv.includes('test');
const forBench = process.argv.includes('bench');

const besides = [...(forTests ? [...test, ...vm] : []), ...(forBench ? bench : [])];

installDebianPackages([...runtime, ...lab, ...buildPackages, ...besides]);
installNpmPackages();
buildIfStale();

/** @param {string[]} packages */
function installDebianPackages(packages) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `apt-get install -y ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    say(`missing: ${missing.join(' ')}; what needs them will say so (as root: ${command})`);
    return;
  }
  say(`installing ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-qq', 'update'], { env, mayFail: true });
  const install = ['-qq', 'install', '-y', '--no-install-recommends', ...missing];
  withoutServices(missing, () => run('apt-get', install, { env, mayFail: true }));
}

/**
 * The lab wants the programs of its servers and not their services. What Debian asks before it starts one
 * (policy-rc.d, invoke-rc.d(8)) says no meanwhile; what runs all the same, or would at the next boot, is switched off.
 * @param {string[]} missing
 * @param {() => void} install
 */
function withoutServices(missing, install) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  // Who interrupts the installation ends it, and then this: what stands in its way meanwhile must go first.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy);
  }
  for (const service of services.filter((name) => missing.includes(name) && isInstalled(name))) {
    run('update-rc.d', [service, 'disable'], { mayFail: true });
    run('invoke-rc.d', ['--quiet', service, 'stop'], { mayFail: true });
  }
}

function installNpmPackages() {
  const stamp = 'node_modules/.package-lock.json';
  const fresh = existsSync(stamp) && statSync(stamp).mtimeMs >= statSync('package-lock.json').mtimeMs;
  if (!fresh) {
    say('installing npm packages');
    // What has to be compiled is compiled below, where it may fail.
    run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
  }
  // Without cap message heads are captured by tcpdump.
  compile('cap', 'build/Release/cap.node');
  if (forTests) compile('node-pty', 'build/Release/pty.node');
}

/** @param {string} name of an npm package @param {string} product what compiling it makes */
function compile(name, product) {
  const folder = join('node_modules', name);
  if (!existsSync(folder) || existsSync(join(folder, product))) return;
  say(`compiling ${name}`);
  run('npm', ['rebuild', name], { mayFail: true });
}

function buildIfStale() {
  const bundle = 'dist/nathop.js';
  if (existsSync(bundle) && statSync(bundle).mtimeMs >= newest('src')) return;
  say('building');
  run(process.execPath, ['scripts/build.mjs']);
}

/** @param {string} folder @returns {number} time of the last change of a file in it */
function newest(folder) {
  const times = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(statSync('package.json').mtimeMs, ...times);
}

/** @param {string} name @returns {boolean} */
function isInstalled(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' });
  return stdout?.startsWith('install ok installed') ?? false;
}

/** @param {string} command @returns {boolean} */
function has(command) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, command)));
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, mayFail?: boolean }} [options]
 */
function run(command, args, { env = process.env, mayFail = false } = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], env });
  if (status === 0) return;
  say(`${command} ${args.slice(0, 3).join(' ')} failed: ${error?.message ?? `status ${String(status)}`}`);
  if (!mayFail) process.exit(1);
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}
