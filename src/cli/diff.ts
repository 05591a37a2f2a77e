/** Two recordings through the same engine, and what differs between them. */
import type { Command } from 'commander';
import pc from 'picocolors';
import { ClusterKnowledge } from '../cluster/knowledge.ts';
import { compare } from '../compare/compare.ts';
import { Side } from '../compare/side.ts';
import { FailedError } from '../events/errors.ts';
import type { Event } from '../events/event.ts';
import { comparisonLine } from '../outputs/comparison/json.ts';
import { comparisonLines } from '../outputs/comparison/text.ts';
import { RecordingSource } from '../sources/recording/source.ts';
import { Engine } from '../trace/engine.ts';
import type { Filter } from '../trace/filter/filter.ts';
import type { Request } from '../trace/request.ts';
import type { Context } from './context.ts';
import { filterFrom } from './filters.ts';
import { gateFrom } from './gate.ts';
import type { Gate } from './gate.ts';
import { globalsOf, hasColor, outputOf, widthOf } from './globals.ts';
import { notesOn } from './notes.ts';
import type { Notes } from './notes.ts';
import { Pipeline } from './pipeline.ts';
import { errorOf, run } from './run.ts';
import { Stop } from './stop.ts';
import { countOf, TracerNotes } from './tracer-notes.ts';

/** @returns the exit status */
export async function diff(context: Context, verb: Command, before: string, after: string): Promise<number> {
  const globals = globalsOf(verb);
  const notes = notesOn(context.stderr, globals);
  const gate = gateFrom(verb);
  const common = { filter: filterFrom(verb), notes, ...verb.opts<{ readonly maxConnections: number }>() };
  const old = await read({ ...common, path: before });
  const fresh = await read({ ...common, path: after, ...(gate && { gate }) });
  const comparison = compare(old.side, fresh.side);
  const { out, stdout, env } = context;
  if (globals.output === 'json') {
    for (const kind of comparison.kinds) out.line(comparisonLine(kind));
  } else {
    const lines = comparisonLines(comparison, {
      colors: pc.createColors(hasColor(globals, stdout, env)),
      width: widthOf(stdout),
      all: globals.output === 'wide',
      names: { before, after },
    });
    for (const line of lines) out.line(line);
  }
  if (fresh.offending.length > 0 && globals.output !== 'json') out.line('');
  const output = outputOf(globals, stdout, env);
  for (const { request, unmet } of fresh.offending) out.line(output.render(request, unmet));
  await out.drained();
  const failure = gate?.failure;
  if (failure !== undefined) throw failure;
  return out.leftOut > 0 ? 1 : 0;
}

interface ReadOptions {
  readonly path: string;
  readonly filter: Filter;
  readonly notes: Notes;
  readonly maxConnections: number;
  readonly gate?: Gate;
}

interface Offending {
  readonly request: Request;
  readonly unmet: readonly string[];
}

async function read(options: ReadOptions): Promise<{ side: Side; offending: readonly Offending[] }> {
  const { path, filter, maxConnections, gate } = options;
  const notes: Notes = {
    progress: () => undefined,
    detail: () => undefined,
    say: (text) => options.notes.say(`${path}: ${text}`),
  };
  // What cannot be read whole names its file itself.
  const source = await RecordingSource.open([path], { speed: 0, note: (text) => options.notes.say(text) });
  const engine = new Engine(new ClusterKnowledge(), { maxConnections, wallOffset: source.wallOffset });
  const tracer = new TracerNotes(notes);
  const side = new Side();
  const offending = new Map<string, Offending>();
  const found = (request: Request): void => {
    side.take(request);
    const unmet = gate?.take(request) ?? [];
    if (unmet.length > 0) offending.set(request.id, { request, unmet });
    else offending.delete(request.id);
  };
  const pipeline = new Pipeline({
    engine,
    filter,
    listeners: [(event: Event) => tracer.take(event), (event: Event) => side.watch(event)],
    found,
    unwanted: ({ id }) => side.drop(id),
  });
  const stop = new Stop();
  const cause = await run({ source, pipeline, stop });
  const error = errorOf(cause);
  if (error !== undefined) throw error;
  if (cause.by !== 'end') throw new FailedError(`${path} was not read to its end`, 'let it be read whole');
  for (const request of pipeline.open()) found(request);
  tracer.sayLoss();
  const { evicted } = engine.stats;
  if (evicted > 0)
    notes.say(`${countOf(evicted, 'connection')} given up before the end: see --max-connections`);
  const { requests, tooOld, holed } = side.summary;
  const left = tooOld === 0 ? '' : `, ${String(tooOld)} left out that began before it`;
  const doubt = holed === 0 ? '' : `, ${String(holed)} that lost events may have belonged to`;
  notes.say(`${countOf(requests, 'request')}${left}${doubt}, ${countOf(tracer.lost, 'event')} lost`);
  return { side, offending: [...offending.values()] };
}
