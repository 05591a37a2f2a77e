/** `live` and `replay --live`: a run whose requests go to the full-screen view. */
import { ClusterKnowledge } from '../cluster/knowledge.ts';
import type { Event } from '../events/event.ts';
import type { Source } from '../sources/source.ts';
import { Engine } from '../trace/engine.ts';
import type { Filter } from '../trace/filter/filter.ts';
import type { ViewStatus } from '../view/source.ts';
import type { Context } from './context.ts';
import type { Notes } from './notes.ts';
import { Pipeline } from './pipeline.ts';
import { Recorder } from './recorder.ts';
import type { RunFacts } from './recorder.ts';
import { errorOf, run } from './run.ts';
import { Stop } from './stop.ts';
import { countOf, TracerNotes } from './tracer-notes.ts';

export interface WatchOptions {
  readonly context: Context;
  /** The machine's name, or the recording's. */
  readonly title: string;
  readonly source: Source;
  readonly wallOffset: bigint;
  readonly maxConnections: number;
  readonly filter: Filter;
  readonly notes: Notes;
  readonly color: boolean;
  readonly forMs?: number;
  readonly readyFile?: string;
  /** Speed of a replay; absent when this machine is traced. */
  readonly speed?: number;
  /** What a recording from within says of this machine; absent where there is nothing to record. */
  readonly facts?: Promise<RunFacts>;
}

/** As often as the view draws. */
const FEED_MS = 100;

/** @returns the exit status */
export async function watch(options: WatchOptions): Promise<number> {
  const { context, title, wallOffset, maxConnections, filter, notes, speed, facts } = options;
  // React and Ink cost a third of a second: who only traces does not pay for them.
  const [{ showLive }, { ViewModel }] = await Promise.all([
    import('../view/show.ts'),
    import('../view/model.ts'),
  ]);
  const stop = new Stop();
  const model = new ViewModel();
  const engine = new Engine(new ClusterKnowledge(), { maxConnections, wallOffset });
  const status: { problem?: string; ended: boolean } = { ended: false };
  const tracer = new TracerNotes({
    progress: () => undefined,
    detail: () => undefined,
    say: () => undefined,
  });
  const recording = new RecordingFromWithin(facts, (problem) => {
    status.problem = problem;
  });
  const pipeline: Pipeline = new Pipeline({
    engine,
    filter,
    listeners: [(event) => tracer.take(event), (event) => recording.take(event)],
    found: (request) => model.upsert(request),
    unwanted: (request) => model.remove(request.id),
  });

  const feed = (): void => {
    const { wanted, unwanted } = pipeline.changes();
    for (const id of unwanted) model.remove(id);
    for (const request of wanted) model.upsert(request);
  };
  const rate = new Rate(() => engine.stats.events);
  const viewStatus = (): ViewStatus => {
    const { probes, detail, capture } = pipeline.standing.tracer;
    const level = detail?.level ?? probes?.level;
    return {
      ...(probes && { probes: { set: probes.set, running: probes.running } }),
      missing: [
        ...(probes?.missing ?? []),
        ...(capture?.missing ?? []),
        ...pipeline.standing.apiTexts,
        ...(tracer.headsMissedText === '' ? [] : [tracer.headsMissedText]),
      ],
      eventsPerSecond: rate.perSecond(),
      lostEvents: tracer.lost,
      ...(level && { detail: { level, lowered: level === 'nat' && probes?.level === 'path' } }),
      ...(recording.path !== undefined && { recording: { path: recording.path } }),
      ...(speed !== undefined && { replay: { speed, ended: status.ended } }),
      ...(status.problem !== undefined && { problem: status.problem }),
    };
  };

  const leaving = new AbortController();
  let feeding: NodeJS.Timeout | undefined;
  let view: Promise<unknown> = Promise.resolve();
  let failure: Error | undefined;
  const cause = await run({
    ...options,
    pipeline,
    stop,
    ready: () => {
      feeding = setInterval(feed, FEED_MS);
      view = showLive({
        model,
        source: { title, status: viewStatus, ...(filter.text !== '' && { scope: filter.text }) },
        ...(facts && { record: recording.forView(pipeline) }),
        stdin: context.stdin,
        stdout: context.stdout,
        signal: leaving.signal,
        color: options.color,
        env: context.env,
      }).then(
        () => stop.because({ by: 'user' }),
        (error: unknown) => stop.failed(error),
      );
      void stop.happened.then(() => leaving.abort());
    },
    // What was seen stays on the screen until the user has read it.
    ended: (error) => {
      failure = error;
      status.ended = true;
      if (error !== undefined) status.problem = error.message;
    },
  });
  await view;
  clearInterval(feeding);
  recording.close();
  notes.say(`${countOf(model.size, 'request')} seen, ${countOf(tracer.lost, 'event')} lost`);
  const error = errorOf(failure === undefined ? cause : { by: 'error', error: failure });
  if (error !== undefined) throw error;
  return 0;
}

class RecordingFromWithin {
  private readonly facts: Promise<RunFacts> | undefined;
  private readonly failed: (problem: string) => void;
  private recorder: Recorder | undefined;

  constructor(facts: Promise<RunFacts> | undefined, failed: (problem: string) => void) {
    this.facts = facts;
    this.failed = failed;
  }

  get path(): string | undefined {
    return this.recorder?.path;
  }

  take(event: Event): void {
    this.recorder?.take(event);
  }

  close(): string {
    const { recorder } = this;
    this.recorder = undefined;
    recorder?.close();
    return recorder === undefined ? 'nothing was recorded' : `recorded ${countOf(recorder.count, 'event')}`;
  }

  forView(pipeline: Pipeline): {
    defaultPath(): string;
    start(path: string): Promise<void>;
    stop(): Promise<string>;
  } {
    return {
      defaultPath: () => `nathop-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.nathop`,
      start: (path) => this.start(path, pipeline),
      stop: () => Promise.resolve(this.close()),
    };
  }

  private async start(path: string, pipeline: Pipeline): Promise<void> {
    const facts = await this.facts;
    if (facts === undefined) return;
    const recorder = new Recorder({
      path,
      force: false,
      facts,
      failed: (error) => {
        this.recorder = undefined;
        this.failed(error.message);
      },
    });
    recorder.beginNow(pipeline.standing);
    this.recorder = recorder;
  }
}

/** Events a second, over the last second or so. */
class Rate {
  private readonly total: () => number;
  private since = { ms: performance.now(), total: 0 };
  private latest = 0;

  constructor(total: () => number) {
    this.total = total;
  }

  perSecond(): number {
    const now = { ms: performance.now(), total: this.total() };
    const elapsed = now.ms - this.since.ms;
    if (elapsed >= 1_000) {
      this.latest = ((now.total - this.since.total) / elapsed) * 1_000;
      this.since = now;
    }
    return this.latest;
  }
}
