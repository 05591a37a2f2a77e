/** Ties the stream to a recording: the header is written once it is known what is traced. */
import { rmSync } from 'node:fs';
import type { UserError } from '../events/errors.ts';
import type { Event, NetnsEvent, NetnsGoneEvent, ProbesEvent, RulesEvent } from '../events/event.ts';
import { FORMAT, VERSION } from '../events/recording.ts';
import type { RecordingHeader } from '../events/recording.ts';
import { RecordingWriter } from '../outputs/recording.ts';
import type { Standing } from '../outputs/standing.ts';

/** What the header says of the machine and the run. */
export type RunFacts = Omit<RecordingHeader, 'format' | 'version' | 'probes' | 'names'>;

export interface RecorderOptions {
  readonly path: string;
  readonly force: boolean;
  readonly facts: RunFacts;
  readonly failed: (error: UserError) => void;
}

export class Recorder {
  private readonly writer: RecordingWriter;
  private readonly facts: RunFacts;
  /** Events from before it is known what is traced; undefined once the header is written. */
  private early: Event[] | undefined = [];

  /** @throws UsageError where the file exists or cannot be made */
  constructor({ path, force, facts, failed }: RecorderOptions) {
    this.writer = new RecordingWriter(path, { force, failed });
    this.facts = facts;
  }

  get path(): string {
    return this.writer.path;
  }

  get count(): number {
    return this.writer.count;
  }

  take(event: Event): void {
    if (this.early === undefined) {
      this.writer.write(event);
      return;
    }
    this.early.push(event);
    if (event.kind === 'probes') this.begin(event);
  }

  /** In the midst of a run: what stands is known, and the stream goes on from here. */
  beginNow(standing: Standing): void {
    const { probes, detail, capture } = standing.tracer;
    this.early = undefined;
    this.writeHeader(standing.names(), probes);
    for (const event of standing.cluster()) this.writer.write(event);
    for (const event of standing.conntrack()) this.writer.write(event);
    for (const event of [probes, detail, capture]) if (event !== undefined) this.writer.write(event);
  }

  close(): void {
    this.writer.close();
    // Nothing was ever traced: an empty file is no recording.
    if (this.early !== undefined) rmSync(this.writer.path, { force: true });
  }

  private begin(probes: ProbesEvent): void {
    const events = this.early ?? [];
    this.early = undefined;
    this.writeHeader(events.filter(isName), probes);
    for (const event of events) if (!isName(event)) this.writer.write(event);
  }

  private writeHeader(names: readonly HeaderName[], probes: ProbesEvent | undefined): void {
    this.writer.begin({
      format: FORMAT,
      version: VERSION,
      ...this.facts,
      probes: {
        set: probes?.set ?? 'tracepoint',
        level: probes?.level ?? 'path',
        missing: probes?.missing ?? [],
      },
      names,
    });
  }
}

/** Namespaces and rules; the cluster's objects are too many for one line, and come as events. */
type HeaderName = NetnsEvent | NetnsGoneEvent | RulesEvent;

const isName = (event: Event): event is HeaderName =>
  event.kind === 'netns' || event.kind === 'netns-gone' || event.kind === 'rules';
