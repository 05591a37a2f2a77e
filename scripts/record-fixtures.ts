/**
 * Makes the recordings of `test/recordings` anew: every scenario of the lab in each mode, those of connections, those
 * of requests through proxies, and those of broken networks; and beside each the JSON that its replay gives, and what is
 * true of its requests. Run it where what is recorded changes: `npx tsx scripts/record-fixtures.ts [NAME...]`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Event, NameEvent, NetnsId } from '../src/events/event.ts';
import type { RecordingEnd, RecordingHeader } from '../src/events/recording.ts';
import { CASES, everything, settings, UNDER_ALL } from '../test/live/causes.ts';
import { labelsOfSoak, soak } from '../test/live/soak.ts';
import { Attribution, traceLab, UNANSWERED_MS, type TracedLab } from '../test/live/trace-lab.ts';
import { runNathop } from '../test/support/nathop.ts';
import { Guests } from '../test/vm/guests.ts';
import { readTraced, type Round } from '../test/vm/traced.ts';
import { traceTwice } from '../test/vm/two-machines.ts';
import { labelsOf, type Label } from './lab/labels.ts';
import type { Program } from './lab/network.ts';
import { requestsAndNames, scenarios } from './lab/scenarios.ts';
import { labelsPath } from './score/kept.ts';
import { faultScenarios } from './lab/scenarios/faults.ts';
import type { Scenario } from './lab/scenarios/scenario.ts';
import { MODES, type Mode } from './lab/topology.ts';

const FOLDER = fileURLToPath(new URL('../test/recordings/', import.meta.url));
/** Instead of the one that it was made on. */
type Machine = Pick<RecordingHeader, 'node' | 'boot'>;
const LAB: Machine = { node: 'lab', boot: '00000000-0000-4000-8000-000000000000' };
/** Stands in no other name, and so can be taken out of all. */
const PREFIX = 'fixture-';
/** Seconds of ordinary traffic: each pattern a few times. */
const SOAK_SECONDS = 6;

/** Named on the command line; all where none is. */
const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);

for (const mode of MODES) {
  await record(mode, { name: mode, scenarios, whole: true });
  await record(mode, { name: `requests-${mode}`, scenarios: requestsAndNames, whole: false });
  await record(mode, {
    name: `causes-${mode}`,
    scenarios: CASES.map(({ scenario }) => scenario),
    whole: false,
    changes: settings(mode),
  });
  await record(mode, {
    name: `masquerade-all-${mode}`,
    scenarios: [UNDER_ALL.scenario],
    whole: false,
    changes: everything(mode),
  });
  await record(mode, { name: `failures-${mode}`, scenarios: faultScenarios, whole: false });
}
if (isWanted('ordinary')) {
  const run = await soak({ mode: 'iptables', prefix: PREFIX }, SOAK_SECONDS);
  await keep('ordinary', run, labelsOfSoak(run.requests));
}

// Not without being named: they boot virtual machines, since not every kernel has IPVS, or lets its functions be traced.
if (wanted.includes('ipvs')) await recordInGuest('tracepoint', { ipvs: 'ipvs' });
if (wanted.includes('precise')) {
  await recordInGuest('precise', {
    iptables: 'precise-lab-iptables',
    nftables: 'precise-lab-nftables',
    ipvs: 'precise-ipvs',
  });
}

/** @param names what each round's recording is called */
async function recordInGuest(set: string, names: Partial<Readonly<Record<Round, string>>>): Promise<void> {
  const guests = new Guests();
  try {
    const command = `traced-lab ${Object.keys(names).join(' ')} -- --probes ${set} --no-l7`;
    const { folder } = await guests.run('trixie', { command, seconds: 1_800 });
    for (const [round, name] of Object.entries(names)) {
      const run = await readTraced(join(folder, round));
      await keep(name, run, labelsOf(run.results, run.lab.mode), run.lab.prefix);
    }
  } finally {
    guests.remove();
  }
}

if (wanted.includes('two-nodes')) {
  const guests = new Guests();
  try {
    const { run, recordings } = await traceTwice(guests, ['trixie', 'trixie']);
    await keepTwice('two-nodes', recordings, run.lab.prefix);
  } finally {
    guests.remove();
  }
}

interface Recording {
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Every request traced is a scenario's own dial; proxies and resolvers make more. */
  readonly whole: boolean;
  /** Put over the lab's rules. */
  readonly changes?: readonly Program[];
}

async function record(
  mode: Mode,
  { name, scenarios: played, whole, changes = [] }: Recording,
): Promise<void> {
  if (!isWanted(name)) return;
  const run = await traceLab({ mode, prefix: PREFIX, changes }, played, { settleMs: UNANSWERED_MS });
  const { left } = new Attribution(run);
  if (whole && left.length > 0)
    throw new Error(`${name}: traced ${left.length} requests that no scenario made`);
  await keep(name, run, labelsOf(run.results, mode));
}

/** The recording without what is the machine's, what it replays to, and what is true of it. */
async function keep(
  name: string,
  { recording, ended, folder }: Pick<TracedLab, 'recording' | 'ended' | 'folder'>,
  labels: readonly Label[],
  prefix = PREFIX,
): Promise<void> {
  try {
    const path = join(FOLDER, `${name}.nathop`);
    writeWithoutTheMachine(recording, path, prefix, LAB);
    const { stdout } = await runNathop(['replay', '-o', 'json', path]);
    if (stdout !== ended.stdout.replaceAll(prefix, ''))
      throw new Error(`${name}: the recording without the machine's own names replays to something else`);
    writeFileSync(join(FOLDER, `${name}.jsonl`), stdout);
    writeFileSync(labelsPath(name), labels.map((label) => `${JSON.stringify(label)}\n`).join(''));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The two recordings of a lab over two machines, and what they replay to together. */
async function keepTwice(name: string, recordings: readonly string[], prefix: string): Promise<void> {
  const paths = recordings.map((recording, index) => {
    const part = ['a', 'b'][index] ?? '';
    const path = join(FOLDER, `${name}-${part}.nathop`);
    writeWithoutTheMachine(recording, path, prefix, {
      node: `machine-${part}`,
      boot: `${LAB.boot.slice(0, -1)}${part}`,
    });
    return path;
  });
  const { stdout } = await runNathop(['replay', '-o', 'json', ...paths]);
  writeFileSync(join(FOLDER, `${name}.jsonl`), stdout);
}

function writeWithoutTheMachine(recording: string, path: string, prefix: string, machine: Machine): void {
  const text = withoutTheMachine(gunzipSync(readFileSync(recording)).toString(), prefix, machine);
  writeFileSync(path, gzipSync(text, { level: 9 }));
}

/** What the recording says of the machine that it was made on is not the lab's. */
function withoutTheMachine(text: string, prefix: string, machine: Machine): string {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const header = JSON.parse(first) as RecordingHeader;
  const events = lines.slice(0, -1).map((line) => JSON.parse(line) as Event);
  const ours = new Set([...header.names, ...events].filter(isOfLab(prefix)).map(({ netns }) => netns));
  const isOurs = (event: Event | NameEvent): boolean => !('netns' in event) || ours.has(event.netns);
  const kept = events.filter(isOurs);
  const all: readonly unknown[] = [
    {
      ...header,
      ...machine,
      names: header.names.filter(isOurs),
    },
    ...kept,
    { kind: 'end', events: kept.length } satisfies RecordingEnd,
  ];
  return `${all.map((line) => JSON.stringify(line)).join('\n')}\n`.replaceAll(prefix, '');
}

function isOfLab(prefix: string) {
  return (event: Event | NameEvent): event is Event & { kind: 'netns'; netns: NetnsId } =>
    event.kind === 'netns' && event.name.startsWith(prefix);
}
