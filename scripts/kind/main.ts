/** A kind cluster by hand: `npx tsx scripts/kind/main.ts up|run|down`. scripts/deploy/README.md says more. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { execa } from 'execa';
import { LabError, report } from '../lab/run.ts';
import { down, find, KUBECONFIG, up } from './cluster.ts';
import { MODES, type Mode } from './config.ts';
import { scenarios } from './scenarios.ts';

const NATHOP = fileURLToPath(new URL('../../dist/nathop.js', import.meta.url));

const program = new Command('kind').description('a kind cluster with what the scenarios dial');
program
  .command('up')
  .description('make it')
  .addOption(
    new Option('--mode <mode>', "kube-proxy's mode").choices(MODES).default('iptables' satisfies Mode),
  )
  .action(({ mode }: { mode: Mode }) => up(mode, say));
program
  .command('run')
  .description('dial, and let nathop on this host explain what became of it; all scenarios if none is named')
  .argument('[scenario...]')
  .action(explain);
program.command('list').description('what can be run').action(list);
program.command('down').description('remove all of it').action(down);

try {
  await program.parseAsync();
} catch (error) {
  report('kind', error);
}

function list(): void {
  for (const { id, title } of scenarios) console.log(`${id.padEnd(20)} ${title}`);
}

/** All nodes' namespaces are on this host's kernel: one nathop sees the whole way. */
async function explain(ids: readonly string[]): Promise<void> {
  const chosen = ids.length === 0 ? scenarios : ids.map(named);
  const cluster = await find();
  for (const { id, title, command } of chosen) {
    say(`${id}: ${title}`);
    const nathop = [process.execPath, NATHOP, 'explain', '--', ...command(cluster)];
    const words = ['env', `KUBECONFIG=${KUBECONFIG}`, ...nathop] as const;
    const [file, ...args] = process.getuid?.() === 0 ? words : (['sudo', ...words] as const);
    const { exitCode } = await execa(file, args, { stdio: 'inherit', reject: false });
    // What is dialled may fail, and is to; 2 and 3 are nathop's own.
    if (exitCode === undefined || exitCode > 1) {
      throw new LabError('nathop does not run here', 'See what `sudo npx nathop doctor` says.');
    }
  }
}

function named(id: string): (typeof scenarios)[number] {
  const found = scenarios.find((one) => one.id === id);
  if (found) return found;
  throw new LabError(`no scenario ${id}`, 'See: npx tsx scripts/kind/main.ts list');
}

function say(text: string): void {
  console.error(`kind: ${text}`);
}
