/**
 * bpftrace as a source of events: chosen parts, started, watched, ended.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { toolPath } from '../../cluster/netns/run.ts';
import { tied } from '../../cluster/netns/tied.ts';
import type { Event, ProbeChoice } from '../../events/event.ts';
import { CannotTraceError } from '../../events/errors.ts';
import { clean } from '../../events/clean.ts';
import { monotonicNow } from '../clock.ts';
import type { Source } from '../source.ts';
import { Decoder } from './decode.ts';
import { dropPlaces } from './drop-places.ts';
import type { Hold } from './functions.ts';
import { blamed, requirePrecise } from './precise.ts';
import { readOffer } from './offer.ts';
import { compose, dropParameters } from './program.ts';
import { explainFailure } from './failure.ts';
import { SkippedRuns } from './skipped.ts';
import { openTracefs } from './tracefs.ts';
import type { Tracefs } from './tracefs.ts';

export interface BpftraceOptions {
  /** Folder of the *.bt files. */
  probes: string;
  detail: 'auto' | 'path' | 'nat';
  /** Namespaces to report; empty: all. Up to eight are chosen in the kernel, more are chosen here. */
  netns: readonly number[];
  /** Report untranslated loopback traffic too. */
  loopback: boolean;
  /** Pages a CPU of bpftrace's buffer; a power of two. */
  bufferPages: number;
  set: 'auto' | 'tracepoint' | 'precise';
}

/** Above this many lines a second `auto` goes down to one line a connection and node. */
const BUSY_LINES = 15_000;
/** As many as the program compares with at each packet. */
const MAX_NETNS = 8;
/** Keys a map of the program holds; what comes above is counted as withheld. */
const MAP_KEYS = 65_536;
const METERS_PER_SECOND = 4;
/** A machine that is emulated and overloaded takes minutes. */
const START_LIMIT_MS = 600_000;
const STOP_LIMIT_MS = 2_000;
const DRAIN_LIMIT_MS = 5_000;

/** What is asked of the running subprocess. */
type Child = PromiseLike<unknown> & {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  kill(signal: NodeJS.Signals): boolean;
};

export class BpftraceSource implements Source {
  readonly done: Promise<Error | undefined>;
  /** What is not traced, in words; complete once started. */
  missing: string[] = [];
  /** How the precise set is attached, where it was wanted. */
  precise: readonly ProbeChoice[] | undefined;
  private readonly options: BpftraceOptions;
  private settle: (error: Error | undefined) => void = () => undefined;
  private child: Child | undefined;
  private tracefs: Tracefs | undefined;
  private skipped: Promise<SkippedRuns> | undefined;
  private stopping = false;
  private attached = false;
  /** Time of the newest line read. */
  private told = 0;
  private emit: (event: Event) => void = () => undefined;
  private stderr = '';

  constructor(options: BpftraceOptions) {
    this.options = options;
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** @throws CannotTraceError with what is wrong and what to do */
  async start(emit: (event: Event) => void): Promise<void> {
    const tracefs = await openTracefs().catch((error: unknown) => {
      throw explainFailure(error instanceof Error ? error.message : String(error));
    });
    this.tracefs = tracefs;
    try {
      this.requireGoing();
      await this.attach(tracefs, emit);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (!this.stopping) {
      await this.drain();
      if (this.attached) await this.tellSkipped();
    }
    this.stopping = true;
    await this.endChild();
    await this.tracefs?.close();
    this.tracefs = undefined;
    this.settle(undefined);
  }

  private async endChild(): Promise<void> {
    const child = this.child;
    if (child?.exitCode !== null) return;
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    // A grandchild of a wrapper may hold the pipes open for ever.
    await Promise.race([child, delay(STOP_LIMIT_MS + 500)]);
    clearTimeout(limit);
  }

  /** Ended while it was starting: what is started now nobody would end. */
  private requireGoing(): void {
    if (this.stopping) throw new CannotTraceError('tracing was ended before it began', 'start it again');
  }

  /**
   * What happened until now is still in buffers and pipes, for seconds on a node that is busy: waits until the
   * program's own account is past this moment.
   */
  private async drain(): Promise<void> {
    const until = monotonicNow();
    const limit = Date.now() + DRAIN_LIMIT_MS;
    while (this.attached && this.child?.exitCode === null && this.told < until) {
      if (Date.now() > limit) {
        this.emit({ kind: 'lost', at: this.told, count: 1, where: 'kernel' });
        return;
      }
      await delay(10);
    }
  }

  private async tellSkipped(): Promise<void> {
    const count = (await (await this.skipped)?.more()) ?? 0;
    if (count > 0 && !this.stopping) this.emit({ kind: 'lost', at: this.told, count, where: 'skipped' });
  }

  private async attach(tracefs: Tracefs, emit: (event: Event) => void): Promise<void> {
    const [offer, places] = await Promise.all([
      readOffer(tracefs, this.options.set !== 'tracepoint'),
      dropPlaces(),
    ]);
    const reasons = offer.dropReasons;
    const refused = new Map<string, Set<Hold>>();
    // Each round leaves at least one part out, or ends here.
    for (;;) {
      const program = await compose(this.options.probes, offer, refused).catch((error: unknown) => {
        throw explainFailure(error instanceof Error ? error.message : String(error));
      });
      this.missing = program.missing;
      this.precise = offer.functions && program.precise.map(({ choice }) => choice);
      if (this.options.set === 'precise') requirePrecise(program.precise);
      const tried = program.precise.filter(({ choice }) => choice.by === 'fentry' || choice.by === 'kprobe');
      const isOptional = tried.length > 0 && this.options.set !== 'precise';
      try {
        await this.run(tracefs, program.text, { reasons, places }, emit);
        return;
      } catch (error) {
        const isSlow = this.child?.exitCode === null;
        if (this.stopping || tried.length === 0 || (isSlow && !isOptional)) throw error;
        await this.endChild();
        const about = blamed(tried, program.text, this.stderr);
        this.stderr = '';
        for (const { part, choice } of about.length > 0 ? about : tried) {
          const holds: Hold[] = isSlow ? ['fentry', 'kprobe'] : [choice.by as Hold];
          refused.set(part.file, new Set([...(refused.get(part.file) ?? []), ...holds]));
        }
      }
    }
  }

  /** Runs the program until it ends; returns when it is attached. */
  private async run(
    tracefs: Tracefs,
    text: string,
    { reasons, places }: { reasons: ReadonlyMap<number, string>; places: readonly number[] },
    emit: (event: Event) => void,
  ): Promise<void> {
    const bpftrace = [
      'bpftrace',
      '-B',
      'line',
      '-',
      ...parameters(this.options, dropParameters(reasons, places)),
    ] as const;
    this.requireGoing();
    const child = execa(...tied('TERM', bpftrace, { flags: tracefs.enter }), {
      // By stdin, so that the list of processes stays readable.
      input: text,
      stdout: 'pipe',
      stderr: 'pipe',
      encoding: 'buffer',
      buffer: false,
      reject: false,
      // A group of its own: Ctrl-C is for us, and bpftrace ends when we say so.
      detached: true,
      // Where doctor looks for it.
      env: {
        PATH: toolPath(),
        BPFTRACE_PERF_RB_PAGES: String(this.options.bufferPages),
        BPFTRACE_MAP_KEYS_MAX: String(MAP_KEYS),
        BPFTRACE_MAX_MAP_KEYS: String(MAP_KEYS),
      },
    });
    this.child = child;
    this.emit = emit;
    const ready = new EventEmitter<{ ready: []; ended: [] }>();
    const decoder = this.decoder(emit, reasons, () => ready.emit('ready'));
    child.stdout.on('data', (chunk: Buffer) => {
      decoder.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.takeStderr(chunk, emit);
    });
    void child.then((result) => {
      // Also where a signal ended it, which leaves no exit code.
      const wasAttached = this.attached;
      this.attached = false;
      decoder.end();
      ready.emit('ended');
      if (this.stopping || !wasAttached) return;
      const how = result.signal ? `by ${result.signal}` : `with status ${String(result.exitCode)}`;
      this.settle(explainFailure(this.stderr, `bpftrace ended ${how}`));
    });
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => {
        reject(
          new CannotTraceError(
            `bpftrace did not attach within ${String(START_LIMIT_MS / 60_000)} min`,
            'try again, or with --verbose',
          ),
        );
      }, START_LIMIT_MS);
      ready.once('ready', () => {
        clearTimeout(limit);
        resolve();
      });
      ready.once('ended', () => {
        clearTimeout(limit);
        reject(explainFailure(this.stderr, 'bpftrace ended before it attached'));
      });
    });
  }

  private decoder(
    emit: (event: Event) => void,
    reasons: ReadonlyMap<number, string>,
    ready: () => void,
  ): Decoder {
    let level: 'path' | 'nat' | undefined;
    const { netns } = this.options;
    const chosen = netns.length > MAX_NETNS ? new Set(netns) : undefined;
    return new Decoder(
      {
        traffic: (event) => {
          this.told = event.at;
          if (chosen?.has(event.netns) ?? true) emit(event);
        },
        meter: (meter) => {
          this.told = meter.at;
          if (level === undefined) {
            this.attached = true;
            this.skipped = this.child?.pid === undefined ? undefined : SkippedRuns.of(this.child.pid);
            ready();
          }
          void this.tellSkipped();
          if (meter.withheld > 0)
            emit({ kind: 'lost', at: this.told, count: meter.withheld, where: 'kernel' });
          if (level !== meter.level && (level !== undefined || meter.level === 'nat')) {
            const linesPerSecond = meter.lines * METERS_PER_SECOND;
            emit({ kind: 'detail', at: this.told, level: meter.level, linesPerSecond });
          }
          level = meter.level;
          // Time passes as the probes tell it: a clock of our own would run ahead of lines still in the pipe.
          emit({ kind: 'tick', at: this.told });
        },
        lost: (count) => {
          emit({ kind: 'lost', at: this.told, count, where: 'kernel' });
        },
        foreign: (line) => {
          // bpftrace's own warnings stand among our lines; a broken line of ours begins with a letter of ours.
          if (/^[PCEDSRTNVKGM][46]? [0-9a-f]/.test(line))
            emit({ kind: 'lost', at: this.told, count: 1, where: 'line' });
          else this.note(line);
        },
      },
      reasons,
    );
  }

  private takeStderr(chunk: Buffer, emit: (event: Event) => void): void {
    const text = chunk.toString('utf8');
    for (const line of text.split('\n')) {
      const lost = /^(?:WARNING: )?Lost (\d+) events/.exec(line);
      if (lost) emit({ kind: 'lost', at: monotonicNow(), count: Number(lost[1]), where: 'kernel' });
      else if (line.trim() !== '') this.note(line);
    }
  }

  /** What bpftrace said, the last of it: the cause stands there when it ends. */
  private note(line: string): void {
    this.stderr = `${this.stderr}${clean(line, 400)}\n`.slice(-8_000);
  }
}

function parameters(options: BpftraceOptions, reasons: readonly number[]): string[] {
  const chosen = options.netns.length <= MAX_NETNS ? options.netns : [];
  const netns = Array.from({ length: MAX_NETNS }, (_, i) => chosen[i] ?? 0);
  const numbers = [
    options.detail === 'auto' ? BUSY_LINES : 0,
    options.detail === 'nat' ? 1 : 0,
    options.loopback ? 1 : 0,
    ...netns,
    ...reasons,
  ];
  return numbers.map((n) => String(n));
}
