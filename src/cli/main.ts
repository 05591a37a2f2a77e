/** From arguments to exit status. */
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { UsageError } from '../events/errors.ts';
import { nearest } from '../events/suggest.ts';
import { cleanUp, cleanUpNow } from './cleanup.ts';
import { complaintOf } from './complaint.ts';
import type { Context } from './context.ts';
import { buildProgram } from './program.ts';
import { LineSink } from './stdout.ts';

/** @param argv without node and the script */
export async function main(
  argv: readonly string[],
  process: NodeJS.Process,
  about: Pick<Context, 'version' | 'programs'>,
): Promise<number> {
  // Commander would take what stands behind `--` for arguments of the verb.
  const dashes = argv.indexOf('--');
  const own = dashes === -1 ? argv : argv.slice(0, dashes);
  const { stdin, stdout, stderr, env } = process;
  const command = dashes === -1 ? undefined : argv.slice(dashes + 1);
  const out = new LineSink(stdout);
  const context: Context = { stdin, stdout, out, stderr, env, command, ...about, status: 0 };

  const complain = (error: unknown): void => {
    const { status, text } = complaintOf(error);
    context.status = status;
    stderr.write(text);
  };
  const crash = (error: unknown): void => {
    complain(error);
    cleanUpNow();
    process.exit(context.status);
  };
  // Rejections that nobody handles come here too.
  process.on('uncaughtException', crash);
  // A terminal that is gone hears nothing; that must not end us before what is attached is gone.
  stderr.on('error', () => undefined);
  try {
    if (command?.[0] === undefined ? dashes !== -1 : command[0] === '') throw noCommand();
    await parse(buildProgram(context), own, out);
    await out.drained();
  } catch (error) {
    complain(error);
  }
  await cleanUp().catch(complain);
  return context.status;
}

const noCommand = (): UsageError =>
  new UsageError('no command stands after --', 'name a program that can be run, or leave the -- out');

/** Commander's own errors become ours, so that they read and exit like all others. */
async function parse(program: Command, argv: readonly string[], out: LineSink): Promise<void> {
  everyVerb(program, (verb) => {
    verb.exitOverride().configureOutput({
      writeOut: (text) => out.line(text.trimEnd()),
      writeErr: () => undefined,
      outputError: () => undefined,
    });
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw usageErrorOf(error, program, argv);
  }
}

function everyVerb(command: Command, action: (verb: Command) => void): void {
  action(command);
  for (const verb of command.commands) everyVerb(verb, action);
}

function usageErrorOf(error: CommanderError, program: Command, argv: readonly string[]): UsageError {
  const verb = program.commands.find((command) => argv.includes(command.name()));
  // The second is `help` of a verb that there is not.
  if (['commander.excessArguments', 'commander.help'].includes(error.code))
    return strayWord(error, verb, program, argv);
  const [, wrong = error.message, hint] =
    /^(?:error: )?(.*?)(?:\n\((.*)\))?$/s.exec(error.message.trim()) ?? [];
  const help = `\`nathop ${verb === undefined ? '' : `${verb.name()} `}--help\` shows all there is`;
  const suggestion = hint?.replace(/^Did/, 'did');
  return new UsageError(wrong, suggestion === undefined ? help : `${suggestion} ${help}`, { cause: error });
}

/** A word where none may stand: a mistyped verb, which the default one was given, or a command without `--`. */
function strayWord(
  error: CommanderError,
  verb: Command | undefined,
  program: Command,
  argv: readonly string[],
): UsageError {
  const words = argv.filter((word) => !word.startsWith('-') && word !== 'help' && word !== verb?.name());
  if (verb !== undefined) {
    const mend = `a command to run stands after --: nathop ${verb.name()} -- ${words.join(' ')}`;
    return new UsageError(`\`nathop ${verb.name()}\` does not take ${words.join(' ')}`, mend, {
      cause: error,
    });
  }
  const verbs = program.commands.map((command) => command.name());
  const meant = words.map((word) => nearest(word, verbs)).find((word) => word !== undefined);
  return new UsageError(
    `there is no verb ${words[0] ?? ''}`,
    `${meant === undefined ? '' : `did you mean ${meant}? `}there are: ${verbs.join(', ')}`,
    { cause: error },
  );
}
