/** `trace`, `record` and `replay` as they print: a line for each request, the sum on stderr. */
import { ClusterKnowledge } from '../cluster/knowledge.ts';
import type { Event } from '../events/event.ts';
import type { Output } from '../outputs/output.ts';
import type { Source } from '../sources/source.ts';
import { Engine } from '../trace/engine.ts';
import type { Filter } from '../trace/filter/filter.ts';
import type { Request } from '../trace/request.ts';
import type { Gate } from './gate.ts';
import type { Notes } from './notes.ts';
import { Pipeline } from './pipeline.ts';
import type { Recorder } from './recorder.ts';
import { errorOf, run } from './run.ts';
import type { LineSink } from './stdout.ts';
import { Stop } from './stop.ts';
import { countOf, TracerNotes } from './tracer-notes.ts';

export interface PrintOptions {
  readonly source: Source;
  readonly wallOffset: bigint;
  readonly maxConnections: number;
  readonly filter: Filter;
  readonly notes: Notes;
  readonly sink: LineSink;
  /** Absent: requests are counted and not printed. */
  readonly output?: Output;
  /** Only what it finds wanting is printed, and ends the run with an error. */
  readonly gate?: Gate;
  readonly recorder?: Recorder;
  /** Told each request that is printed or counted. */
  readonly found?: (request: Request) => void;
  readonly count?: number;
  readonly forMs?: number;
  readonly command?: readonly string[];
  readonly readyFile?: string;
}

/** @returns the exit status */
export async function print(options: PrintOptions): Promise<number> {
  const { wallOffset, maxConnections, filter, notes, sink, output, gate, recorder, count } = options;
  const stop = new Stop();
  const tracer = new TracerNotes(notes);
  let printed = 0;
  /** Of `-c N`: one that is told again, corrected, is no other request. */
  const counted = new Set<string>();
  let header = output?.header();
  // Once, above the first line; what ends while we still start comes before we are ready.
  const printHeader = (): void => {
    if (header !== undefined) sink.line(header);
    header = undefined;
  };
  const found = (request: Request): void => {
    if (printed === count) return;
    if (!counted.has(request.id)) printed++;
    if (count !== undefined) counted.add(request.id);
    options.found?.(request);
    const unmet = gate?.take(request);
    if (gate === undefined || unmet !== undefined) {
      printHeader();
      if (output !== undefined) sink.line(output.render(request, unmet));
    }
    if (printed === count) stop.because({ by: 'count' });
  };
  const engine = new Engine(new ClusterKnowledge(), { maxConnections, wallOffset });
  const listeners = [(event: Event) => tracer.take(event)];
  if (recorder !== undefined) listeners.push((event) => recorder.take(event));
  const pipeline = new Pipeline({ engine, filter, listeners, found });
  sink.closed.addEventListener('abort', () => stop.because({ by: 'closed' }), { once: true });

  const cause = await run({
    ...options,
    pipeline,
    stop,
    commandFailed: (text) => {
      notes.say(text);
    },
    ready: () => {
      notes.progress('tracing; Ctrl-C ends it');
      if (gate === undefined) printHeader();
    },
  });
  const open = printed === count ? [] : pipeline.open();
  const finished = printed;
  for (const request of open) found(request);
  // Before stdout is waited for: its reader may take long.
  recorder?.close();
  await sink.drained();

  tracer.sayLoss();
  const { evicted } = engine.stats;
  if (evicted > 0)
    notes.say(`${countOf(evicted, 'connection')} given up before the end: see --max-connections`);
  if (sink.leftOut > 0) notes.say(`${countOf(sink.leftOut, 'line')} not printed: the reader was too slow`);
  const counts = [
    countOf(finished, 'request'),
    `${String(open.length)} open`,
    ...(tracer.headsMissedText === '' ? [] : [tracer.headsMissedText]),
    `${countOf(tracer.lost, 'event')} lost`,
  ];
  // Who has closed the pipe has seen enough.
  if (cause.by !== 'closed') notes.say(counts.join(', '));
  const error = errorOf(cause);
  if (error !== undefined) throw error;
  const failure = gate?.failure;
  if (failure !== undefined && cause.by !== 'closed') throw failure;
  return sink.leftOut > 0 || failure !== undefined ? 1 : 0;
}
