import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { checkMachine } from '../../src/sources/machine.ts';

const inPackage = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** As a test of the machine itself has to name them. */
export const INSTALLED = {
  probesFolder: inPackage('probes'),
  captureChild: inPackage('dist/capture-child.js'),
};

export type Group = (name: string, tests: () => void) => void;

/**
 * A group of tests on the machine itself, in namespaces of their own. Where the machine does not let them
 * run they are left out, for the reason given; in CI they have to run.
 */
export const live = (reason: string): Group => group(process.getuid?.() === 0 ? undefined : reason);

/** The same for tests that trace: the reason is what `nathop doctor` finds lacking. */
export async function traced(): Promise<Group> {
  const lack = (await checkMachine(INSTALLED, { env: {} })).find((check) => check.ok === false);
  return group(lack && `${lack.name}: ${lack.found}`);
}

/** The same for tests of what another program has to say. */
export const judgedBy = (program: string): Group =>
  group(spawnSync(program, ['--version']).error && `${program} is not installed`);

/** @param lack why not here; nothing where it can be */
export const group =
  (lack: string | undefined): Group =>
  (name, tests) => {
    const possible = lack === undefined || process.env['CI'] === 'true';
    describe.skipIf(!possible)(possible ? name : `${name} (${lack})`, tests);
  };
