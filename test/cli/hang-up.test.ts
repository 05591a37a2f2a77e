import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node-pty';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RecordingWriter } from '../../src/outputs/recording.ts';
import { until } from '../support/network.ts';
import { header, stream } from '../support/stream.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-hang-up-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('ends by the hang-up when its terminal goes away, before Node aborts for it', async () => {
  const file = join(folder, 'a.nathop');
  const status = join(folder, 'status');
  const writer = new RecordingWriter(file, {
    force: false,
    failed: (error) => expect(error).toBeUndefined(),
  });
  writer.begin(header());
  for (const event of stream(20)) writer.write(event);
  writer.close();

  // The shell outlives the terminal and tells how nathop ended.
  const script = `trap : HUP; "$@" 2>"${folder}/stderr"; echo $? >"${status}.part"; mv "${status}.part" "${status}"`;
  const nathop = [process.execPath, '--import', 'tsx', MAIN, 'replay', '--live', file];
  const terminal = spawn('sh', ['-c', script, 'sh', ...nathop], { cols: 100, rows: 20 });
  let shown = '';
  terminal.onData((data) => {
    shown += data;
  });
  await until(() => shown.includes('20 requests') || undefined);
  (terminal as unknown as { destroy(): void }).destroy();
  await until(() => existsSync(status) || undefined);
  expect(readFileSync(status, 'utf8')).toBe('129\n');
  expect(readFileSync(join(folder, 'stderr'), 'utf8')).not.toContain('Assertion');
});
