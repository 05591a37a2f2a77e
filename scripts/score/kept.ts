/** The kept recordings and what is true of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nathop } from '../../test/support/cli.ts';
import type { Request } from '../../src/trace/request.ts';
import type { Label } from '../lab/labels.ts';
import { score } from './score.ts';
import type { Score } from './score.ts';

const FOLDER = fileURLToPath(new URL('../../test/recordings/', import.meta.url));
const LABELS = '.labels.jsonl';

export const kept: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(LABELS))
  .map((name) => name.slice(0, -LABELS.length))
  .sort();

export const labelsPath = (name: string): string => `${FOLDER}${name}${LABELS}`;

/** Replayed by the engine that stands here, and held against its labels. */
export async function scoreKept(name: string): Promise<Score> {
  const { status, stdout, stderr } = await nathop(['replay', '-o', 'json', `${FOLDER}${name}.nathop`]);
  if (status !== 0) throw new Error(`${name} does not replay: ${stderr}`);
  return score(linesOf<Request>(stdout), linesOf<Label>(readFileSync(labelsPath(name), 'utf8')));
}

const linesOf = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
