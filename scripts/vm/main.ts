/** Virtual machines by hand: `npx tsx scripts/vm/main.ts build|run|shell`. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Argument, Command, Option } from 'commander';
import { UserError } from '../../src/events/errors.ts';
import { LabError } from '../lab/run.ts';
import { stopOnSignals } from '../lab/stop.ts';
import { imageOf } from './image.ts';
import { runInGuest, type Answer, type Job } from './machine.ts';
import { projectDisk } from './project.ts';
import { SUITES, type Suite } from './suites.ts';

/** The line that reaches us, as the shell's controlling terminal. */
const ON_TERMINAL = "exec setsid --ctty --wait sh -c 'stty sane; exec bash -i' </dev/ttyS1 >/dev/ttyS1 2>&1";

const stop = stopOnSignals();

const program = new Command('vm').description("Debian's kernels in QEMU, with nathop and the lab inside");
const suite = (): Argument => new Argument('<suite>', "Debian's release").choices(SUITES);
const seconds = (): Option =>
  new Option('--seconds <n>', 'end the guest after that').argParser(Number).default(3_600);

program
  .command('build')
  .description('make the root file systems that are not there yet, all if none is named')
  .argument('[suite...]')
  .action(buildImages);
program
  .command('run')
  .description('boot one, run a command in it, print what it prints, and end it')
  .addArgument(suite())
  .argument('<command...>')
  .addOption(seconds())
  .option('--out <folder>', 'where to put what the command left in /mnt/out')
  .action(runCommand);
program
  .command('shell')
  .description('boot one with a shell on this terminal; its end ends the guest')
  .addArgument(suite())
  .addOption(seconds())
  .action(openShell);

try {
  await program.parseAsync();
} catch (error) {
  if (!stop.signal.aborted) report(error);
}

async function buildImages(names: Suite[]): Promise<void> {
  for (const name of names.length > 0 ? names : SUITES) await imageOf(name, say);
}

async function runCommand(
  name: Suite,
  command: string[],
  options: { seconds: number; out?: string },
): Promise<void> {
  const talk: Job['talk'] = ({ output }) => void output.pipe(process.stdout);
  const job = { command: command.join(' '), seconds: options.seconds, talk };
  await inGuest(name, job, async ({ status, folder }) => {
    if (options.out !== undefined) await cp(folder, options.out, { recursive: true });
    process.exitCode = status;
  });
}

async function openShell(name: Suite, options: { seconds: number }): Promise<void> {
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  await inGuest(name, { command: ON_TERMINAL, interactive: true, ...options });
}

/** @param take given what came out, before it is removed */
async function inGuest(
  name: Suite,
  job: Pick<Job, 'command' | 'seconds' | 'talk' | 'interactive'>,
  take?: (answer: Answer) => Promise<void>,
): Promise<void> {
  const image = await imageOf(name, say);
  const within = await mkdtemp(join(tmpdir(), 'nathop-vm-'));
  try {
    const project = await projectDisk(within);
    const { signal } = stop;
    const answer = await runInGuest({ ...job, hostname: name, image, project, within, signal });
    await take?.(answer);
  } finally {
    await rm(within, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stderr.write(`vm: ${text}\n`);
}

function report(error: unknown): void {
  if (error instanceof UserError) say(`${error.message}\n${error.mend}`);
  else if (error instanceof LabError) say(`${error.message}\n${error.advice}`);
  else throw error;
  process.exitCode = 1;
}
