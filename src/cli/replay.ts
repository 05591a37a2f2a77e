/** Recordings through the same engine, printed or in the view. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../events/errors.ts';
import { RecordingSource } from '../sources/recording/source.ts';
import type { Context } from './context.ts';
import { filterFrom } from './filters.ts';
import { gateFrom } from './gate.ts';
import { globalsOf, hasColor, outputOf as linesOf } from './globals.ts';
import { isWatched } from './is-watched.ts';
import { notesOn } from './notes.ts';
import { print } from './print.ts';
import { watch } from './watch.ts';

interface ReplayFlags {
  readonly live?: boolean;
  readonly speed?: number;
  readonly count?: number;
  readonly for?: number;
  readonly maxConnections: number;
}

/** @returns the exit status */
export async function replay(
  context: Context,
  verb: Command,
  paths: readonly string[],
  outputOf = linesOf,
): Promise<number> {
  const flags = verb.opts<ReplayFlags>();
  const globals = globalsOf(verb);
  const filter = filterFrom(verb);
  const gate = gateFrom(verb);
  const notes = notesOn(context.stderr, globals);
  const live = flags.live ?? false;
  if (live && !isWatched(context)) {
    throw new UsageError('--live needs a terminal', 'leave it out: replay then prints as trace does');
  }
  if (live && gate !== undefined) {
    throw new UsageError(
      '--live prints nothing that --expect could be held against',
      'leave out one of them',
    );
  }
  const speed = flags.speed ?? (live ? 1 : 0);
  // On the full screen there is no line for a note; what could not be read is said when it is left.
  const held: string[] = [];
  const source = await RecordingSource.open(paths, {
    speed,
    note: (text) => (live ? held.push(text) : notes.say(text)),
    keepUp: () => context.out.keepUp(),
  });
  const common = {
    source,
    wallOffset: source.wallOffset,
    maxConnections: flags.maxConnections,
    filter,
    notes,
    ...(flags.for !== undefined && { forMs: flags.for }),
  };
  if (!live) {
    const output = outputOf(globals, context.stdout, context.env);
    return print({
      ...common,
      sink: context.out,
      output,
      ...(gate && { gate }),
      ...(flags.count !== undefined && { count: flags.count }),
    });
  }
  const color = hasColor(globals, context.stdout, context.env);
  const title = paths.map((path) => basename(path)).join(' + ');
  const status = await watch({ ...common, context, title, speed, color });
  for (const note of held) notes.say(note);
  return status;
}
