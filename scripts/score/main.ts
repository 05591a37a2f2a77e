/**
 * How often failures are told right: precision and recall of each kind over the lab's labelled failures.
 * `npm run score` replays the kept recordings (no root); `npm run score -- --live [--mode iptables] [SCENARIO…]` puts
 * up the lab and traces it. Ends with status 1 where anything was told wrong or missed.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { traceLab, UNANSWERED_MS } from '../../test/live/trace-lab.ts';
import { labelsOf } from '../lab/labels.ts';
import { allScenarios } from '../lab/scenarios.ts';
import { MODES, type Mode } from '../lab/topology.ts';
import { kept, scoreKept } from './kept.ts';
import { precisionOf, recallOf, score, sum } from './score.ts';
import type { Score, Tally } from './score.ts';

const { values, positionals } = parseArgs({
  options: { live: { type: 'boolean', default: false }, mode: { type: 'string', multiple: true } },
  allowPositionals: true,
});
if (positionals.length > 0 && !values.live) {
  console.error('scenarios can be chosen with --live only\nrun: npm run score -- --live s7-nothing-listens');
  process.exit(2);
}

const scores = new Map<string, Score>();
const modes = MODES.filter((mode) => values.mode === undefined || values.mode.includes(mode));
if (values.live) for (const mode of modes) scores.set(`live ${mode}`, await scoreLive(mode));
else for (const name of kept) scores.set(name, await scoreKept(name));

const whole = sum([...scores.values()]);
for (const line of table(whole)) console.log(line);
console.log('');
for (const [name, { requests, labelled, mistakes }] of scores) {
  console.log(`${name}: ${requests} requests, ${labelled} labelled as failed, ${mistakes.length} mistakes`);
  for (const mistake of mistakes) console.log(`  ✗ ${mistake}`);
}
if (whole.mistakes.length > 0) process.exitCode = 1;

async function scoreLive(mode: Mode): Promise<Score> {
  const played = allScenarios.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  const run = await traceLab({ mode, prefix: 'sc-' }, played, { settleMs: UNANSWERED_MS });
  rmSync(run.folder, { recursive: true, force: true });
  return score(run.requests, labelsOf(run.results, mode));
}

function table({ kinds }: Score): string[] {
  const rows = [...kinds].sort(([a], [b]) => a.localeCompare(b));
  const all = rows.reduce(
    (total, [, { right, wrong, missed }]) => ({
      right: total.right + right,
      wrong: total.wrong + wrong,
      missed: total.missed + missed,
    }),
    { right: 0, wrong: 0, missed: 0 },
  );
  const line = (name: string, ...cells: string[]): string =>
    [name.padEnd(24), ...cells.map((text) => text.padStart(9))].join(' ');
  const told = (name: string, tally: Tally): string => {
    const { right, wrong, missed } = tally;
    return line(
      name,
      ...[right, wrong, missed].map(String),
      ...[precisionOf(tally), recallOf(tally)].map((value) => value.toFixed(3)),
    );
  };
  return [
    line('FAILURE', 'TP', 'FP', 'FN', 'PRECISION', 'RECALL'),
    ...rows.map(([kind, tally]) => told(kind, tally)),
    told('all', all),
  ];
}
