/**
 * `npm test`: types, style, the direction of imports, then every test. Ends with a line `N passed, N failed,
 * N skipped`. Live tests need root and BPF; without them they are skipped with their reason, and with CI=true
 * they fail.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const checks = ['typecheck', 'lint'].filter((script) => !succeeds('npm', ['run', '--silent', script]));
const folder = mkdtempSync(join(tmpdir(), 'nathop-test-'));
const report = join(folder, 'report.json');
const ran = succeeds('npx', [
  'vitest',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
const counts = read(report);
rmSync(folder, { recursive: true, force: true });

for (const check of checks) process.stdout.write(`npm run ${check} failed\n`);
const failed = counts.failed + checks.length + (ran || counts.failed > 0 ? 0 : 1);
process.stdout.write(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`);
process.exit(failed === 0 && counts.passed > 0 ? 0 : 1);

/** @param {string} command @param {string[]} args @returns {boolean} */
function succeeds(command, args) {
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

/** @param {string} path @returns {{ passed: number, failed: number, skipped: number }} */
function read(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
      readFileSync(path, 'utf8'),
    );
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
