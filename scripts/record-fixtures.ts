/**
 * Makes the recordings of `test/recordings` anew: every scenario of the lab in each mode, and beside each the
 * JSON that its replay gives. Run it where what is recorded changes: `npx tsx scripts/record-fixtures.ts`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Event, NameEvent, NetnsId } from '../src/events/event.ts';
import type { RecordingEnd, RecordingHeader } from '../src/events/recording.ts';
import { Attribution, traceLab } from '../test/live/trace-lab.ts';
import { runNathop } from '../test/support/nathop.ts';
import { scenarios } from './lab/scenarios.ts';
import { MODES, type Mode } from './lab/topology.ts';

const FOLDER = fileURLToPath(new URL('../test/recordings/', import.meta.url));
/** Stands in no other name, and so can be taken out of all. */
const PREFIX = 'fixture-';

for (const mode of MODES) await record(mode);

async function record(mode: Mode): Promise<void> {
  const run = await traceLab({ mode, prefix: PREFIX }, scenarios);
  try {
    const { left } = new Attribution(run);
    if (left.length > 0) throw new Error(`${mode}: traced ${left.length} requests that no scenario made`);
    const path = join(FOLDER, `${mode}.nathop`);
    writeFileSync(
      path,
      gzipSync(withoutTheMachine(gunzipSync(readFileSync(run.recording)).toString()), { level: 9 }),
    );
    const { stdout } = await runNathop(['replay', '-o', 'json', path]);
    if (stdout !== run.ended.stdout.replaceAll(PREFIX, ''))
      throw new Error(`${mode}: the recording without the machine's own names replays to something else`);
    writeFileSync(join(FOLDER, `${mode}.jsonl`), stdout);
  } finally {
    rmSync(run.folder, { recursive: true, force: true });
  }
}

/** What the recording says of the machine that it was made on is not the lab's. */
function withoutTheMachine(text: string): string {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const header = JSON.parse(first) as RecordingHeader;
  const events = lines.slice(0, -1).map((line) => JSON.parse(line) as Event);
  const ours = new Set([...header.names, ...events].filter(isOfLab).map(({ netns }) => netns));
  const isOurs = (event: Event | NameEvent): boolean => !('netns' in event) || ours.has(event.netns);
  const kept = events.filter(isOurs);
  const all: readonly unknown[] = [
    {
      ...header,
      node: 'lab',
      boot: '00000000-0000-4000-8000-000000000000',
      names: header.names.filter(isOurs),
    },
    ...kept,
    { kind: 'end', events: kept.length } satisfies RecordingEnd,
  ];
  return `${all.map((line) => JSON.stringify(line)).join('\n')}\n`.replaceAll(PREFIX, '');
}

function isOfLab(event: Event | NameEvent): event is Event & { kind: 'netns'; netns: NetnsId } {
  return event.kind === 'netns' && event.name.startsWith(PREFIX);
}
