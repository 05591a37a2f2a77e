/** The lab by hand: `npx tsx scripts/lab/main.ts up|down|run|status|load`. */
import { addAbortSignal } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { formatEndpoint } from '../../src/events/tuple.ts';
import { existing, processesOf } from './cluster.ts';
import { turnToIpvs } from './ipvs.ts';
import {
  DEFAULT_PREFIX,
  findLab,
  removeLab,
  startLab,
  type DialResult,
  type Lab,
  type RunResult,
} from './lab.ts';
import { measureLoad, removeLoad } from './load.ts';
import { LabError, report } from './run.ts';
import { allScenarios } from './scenarios.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { stopOnSignals } from './stop.ts';
import { MODES, topology, type Identity, type Mode } from './topology.ts';
import { mismatches } from './truth.ts';

const stop = stopOnSignals();

const program = new Command('lab').description('A small Kubernetes cluster out of network namespaces');
const prefix = (): Option =>
  new Option('--prefix <text>', 'what namespace names begin with')
    .default(DEFAULT_PREFIX)
    .argParser(checkedPrefix);
const mode = (): Option =>
  new Option('--mode <mode>', "kube-proxy's mode").choices(MODES).default('iptables' satisfies Mode);

program.command('up').description('build it').addOption(mode()).addOption(prefix()).action(up);
program
  .command('down')
  .description('remove all of it, and what a load left')
  .option('--when-left', 'once standard input ends: when whoever holds it is gone', false)
  .addOption(prefix())
  .action(down);
program.command('status').description('what stands of it').addOption(prefix()).action(status);
program
  .command('ipvs')
  .description("turn the nodes of the lab that stands to kube-proxy's IPVS mode (needs the kernel's ip_vs)")
  .addOption(prefix())
  .action(ipvs);
program
  .command('run')
  .description(
    'run scenarios, all if none is named; builds the lab first, and removes it after, if there is none',
  )
  .argument('[scenario...]')
  .addOption(mode())
  .addOption(prefix())
  .action(runScenarios);
program
  .command('load')
  .description('short connections through a router with DNAT and MASQUERADE; prints the rate')
  .option('--seconds <n>', 'how long', Number, 5)
  .option('--concurrency <n>', 'connections at once', Number, 32)
  .addOption(prefix())
  .action(load);

try {
  await program.parseAsync();
} catch (error) {
  if (!stop.signal.aborted) report('lab', error);
}

async function up(identity: Identity): Promise<void> {
  const begun = performance.now();
  const lab = await startLab({ ...identity, signal: stop.signal });
  console.log(`${await describe(lab)}, in ${Math.round(performance.now() - begun)} ms`);
}

async function down({ prefix, whenLeft }: Pick<Identity, 'prefix'> & { whenLeft: boolean }): Promise<void> {
  // Destroyed by the signal: what stays open would keep us.
  if (whenLeft) await finished(addAbortSignal(stop.signal, process.stdin.resume()));
  await removeLab(prefix);
  await removeLoad(prefix);
}

async function ipvs(options: Pick<Identity, 'prefix'>): Promise<void> {
  if (!(await findLab(options.prefix))) throw new LabError('no lab stands', 'Build one with up.');
  await turnToIpvs(options.prefix);
}

async function status(options: Pick<Identity, 'prefix'>): Promise<void> {
  const lab = await findLab(options.prefix);
  const left = await existing(topology('iptables'), options.prefix);
  console.log(lab ? await describe(lab) : left.length > 0 ? `incomplete: ${left.join(' ')}` : 'down');
}

async function runScenarios(names: string[], identity: Identity): Promise<void> {
  const chosen = names.length > 0 ? names.map(scenarioNamed) : allScenarios;
  const standing = await findLab(identity.prefix);
  const lab = standing ?? (await startLab({ ...identity, signal: stop.signal }));
  try {
    for (const scenario of chosen) {
      const result = await lab.run(scenario, stop.signal);
      const wrong = mismatches(result, lab.mode);
      console.log(story(result, wrong));
      if (wrong.length > 0) process.exitCode = 1;
    }
  } finally {
    if (!standing) await lab.down();
  }
}

async function load(options: { seconds: number; concurrency: number; prefix: string }): Promise<void> {
  console.log(JSON.stringify(await measureLoad({ ...options, signal: stop.signal })));
}

async function describe(lab: Lab): Promise<string> {
  const names = await existing(topology(lab.mode), lab.prefix);
  const processes = (await Promise.all(names.map(processesOf))).flat();
  return `up: ${lab.mode} mode, ${names.length} namespaces ${lab.prefix}*, ${processes.length} processes`;
}

function scenarioNamed(id: string): Scenario {
  const found = allScenarios.find((scenario) => scenario.id === id);
  if (found) return found;
  throw new LabError(
    `no scenario ${id}`,
    `There are: ${allScenarios.map((scenario) => scenario.id).join(' ')}`,
  );
}

function story({ scenario, dials }: RunResult, wrong: readonly string[]): string {
  const mark = wrong.length === 0 ? 'ok   ' : 'WRONG';
  return [
    `${mark} ${scenario.id}: ${scenario.title}`,
    ...dials.map(dialStory),
    ...wrong.map((text) => `      ${text}`),
  ].join('\n');
}

function dialStory({ dial, attempts, last }: DialResult): string {
  const from = formatEndpoint(last.from.ip, last.from.port);
  const to = formatEndpoint(dial.to.ip, dial.to.port);
  const by = last.server === undefined ? '' : ` by ${last.server}`;
  const seen = last.peer === undefined ? '' : `, which saw ${formatEndpoint(last.peer.ip, last.peer.port)}`;
  const tries = attempts.length === 1 ? '' : ` (attempt ${attempts.length})`;
  return `      ${dial.protocol} ${from} -> ${to} ${last.outcome}${by}${seen}${tries}`;
}

function checkedPrefix(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,30}$/.test(text)) return text;
  throw new InvalidArgumentError('letters, digits and hyphens, at most 31.');
}
