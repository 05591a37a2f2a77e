/** This machine in the full-screen view. */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { UsageError } from '../events/errors.ts';
import { wallOffset } from '../events/recording.ts';
import { readClocks } from '../sources/clock.ts';
import { machineFacts } from '../sources/facts.ts';
import type { Context } from './context.ts';
import { filterFrom } from './filters.ts';
import { globalsOf, hasColor } from './globals.ts';
import { LiveSource } from './live-source.ts';
import { notesOn } from './notes.ts';
import type { TraceHereOptions } from './trace-here.ts';
import { checkTracing } from './tracing-options.ts';
import { watch } from './watch.ts';

/** @returns the exit status */
export async function watchHere(context: Context, verb: Command): Promise<number> {
  const options = verb.opts<TraceHereOptions>();
  const globals = globalsOf(verb);
  const filter = filterFrom(verb);
  checkTracing();
  if (context.command !== undefined) {
    const words = context.command.join(' ');
    throw new UsageError('the view runs no command', `trace does: nathop trace -- ${words}`);
  }
  const notes = notesOn(context.stderr, globals);
  const clocks = readClocks();
  const facts = machineFacts().then((machine) => ({ nathop: context.version, clocks, ...machine }));
  return watch({
    context,
    title: hostname(),
    source: new LiveSource({ ...options, ...context.programs, env: context.env }, notes),
    wallOffset: wallOffset({ clocks }),
    maxConnections: options.maxConnections,
    filter,
    notes,
    color: hasColor(globals, context.stdout, context.env),
    facts,
    ...(options.for !== undefined && { forMs: options.for }),
    ...(options.readyFile !== undefined && { readyFile: options.readyFile }),
  });
}
