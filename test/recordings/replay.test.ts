/**
 * Recordings of the lab's scenarios, made by `scripts/record-fixtures.ts`, and what they replay to. Where the
 * engine learns to say more, read the difference and let the script write it anew.
 */
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MODES } from '../../scripts/lab/topology.ts';
import { nathop } from '../support/cli.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const lines = (text: string): string[] => text.split('\n');

const names = [
  ...MODES.flatMap((mode) => [
    mode,
    `requests-${mode}`,
    `causes-${mode}`,
    `masquerade-all-${mode}`,
    `failures-${mode}`,
  ]),
  'ordinary',
  'ipvs',
  // With the precise set, in virtual machines: on a 6.12 kernel, and on a 7.2 one.
  ...MODES.map((mode) => `precise-lab-${mode}`),
  'precise-ipvs',
  ...MODES.map((mode) => `precise-${mode}`),
];

describe.each(names)('the recording %s', (name) => {
  const file = path(`${name}.nathop`);

  it('replays to what was told live', async () => {
    const { status, stdout, stderr } = await nathop(['replay', '-o', 'json', file]);
    expect(lines(stdout)).toEqual(lines(readFileSync(path(`${name}.jsonl`), 'utf8')));
    expect(status).toBe(0);
    expect(stderr).toMatch(/^nathop: \d+ requests?, \d+ open, 0 events lost\n$/);
  });

  it('stays small', () => {
    expect(statSync(file).size).toBeLessThan(150_000);
  });
});
