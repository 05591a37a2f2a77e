/** Tracing this machine into lines, and into a recording if one is asked for: `trace`, `record`, `explain`, `live` unwatched. */
import type { Command } from 'commander';
import { wallOffset } from '../events/recording.ts';
import { readClocks } from '../sources/clock.ts';
import type { Context } from './context.ts';
import { filterFrom } from './filters.ts';
import { gateFrom } from './gate.ts';
import { globalsOf, outputOf as linesOf } from './globals.ts';
import type { OutputOf } from './globals.ts';
import { LiveSource } from './live-source.ts';
import { notesOn } from './notes.ts';
import { print } from './print.ts';
import { Recording } from './recording.ts';
import type { RecordHere } from './recording.ts';
import { checkTracing } from './tracing-options.ts';
import type { TracingOptions } from './tracing-options.ts';

export interface TraceHereOptions extends TracingOptions {
  readonly count?: number;
  readonly for?: number;
}

export interface TraceHow {
  readonly record?: RecordHere;
  readonly outputOf?: OutputOf;
}

/** @returns the exit status */
export async function traceHere(
  context: Context,
  verb: Command,
  { record, outputOf = linesOf }: TraceHow = {},
): Promise<number> {
  const options = verb.opts<TraceHereOptions>();
  const globals = globalsOf(verb);
  const filter = filterFrom(verb);
  const gate = gateFrom(verb);
  checkTracing();
  const notes = notesOn(context.stderr, globals);
  const clocks = readClocks();

  const recording = record && (await Recording.begin(context, record, filter, clocks));
  try {
    const status = await print({
      source: new LiveSource({ ...options, ...context.programs, env: context.env }, notes),
      wallOffset: wallOffset({ clocks }),
      maxConnections: options.maxConnections,
      filter,
      notes,
      sink: context.out,
      ...(record?.silent !== true && { output: outputOf(globals, context.stdout, context.env) }),
      ...(gate && { gate }),
      ...(recording && { recorder: recording.recorder }),
      ...(recording?.selection && { found: (request) => recording.selection?.want(request) }),
      ...(options.count !== undefined && { count: options.count }),
      ...(options.for !== undefined && { forMs: options.for }),
      ...(context.command && { command: context.command }),
      ...(options.readyFile !== undefined && { readyFile: options.readyFile }),
    });
    return Math.max(status, recording?.status ?? 0);
  } finally {
    await recording?.end(notes);
  }
}
