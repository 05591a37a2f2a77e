/** This machine as one source: names, probes, message heads, the conntrack tables, time; in order of their time stamps. */
import type { Event, NetnsEvent, ProbeChoice, ProbesEvent } from '../events/event.ts';
import { BpftraceSource } from '../sources/bpftrace/source.ts';
import { CaptureSource } from '../sources/capture/source.ts';
import { monotonicNow } from '../sources/clock.ts';
import { conntrackSource } from '../sources/conntrack/source.ts';
import { kubeSource } from '../sources/kube/source.ts';
import { namesSource } from '../sources/names.ts';
import type { NamesSource } from '../sources/names.ts';
import { chooseNetns, namesNeeded } from '../sources/netns-choice.ts';
import type { Source } from '../sources/source.ts';
import { BY_RULE } from '../trace/refusal-rule.ts';
import { ReorderWindow } from '../trace/reorder.ts';
import type { Installed } from '../sources/machine.ts';
import type { Notes } from './notes.ts';
import type { TracingOptions } from './tracing-options.ts';

/** Every so many packets the time that they took to come is looked at. */
const LAG_SAMPLE = 64;
/** What lines take on a calm node. */
const CALM_LAG_NS = 20_000_000;
/** What the order of everything waits for heads at most; one that comes later goes by itself. */
const HEAD_LAG_NS = 100_000_000;

type LiveOptions = TracingOptions & Installed & { readonly env: NodeJS.ProcessEnv };

export class LiveSource implements Source {
  readonly done: Promise<Error | undefined>;
  private readonly options: LiveOptions;
  private readonly notes: Notes;
  private readonly started: Source[] = [];
  private stopped = false;
  private window: ReorderWindow | undefined;
  private readonly known = new Map<number, NetnsEvent>();
  private readonly capture: CaptureSource | undefined;
  private names: NamesSource | undefined;
  /** What is on 127.0.0.1 and stays there is nobody's way, unless it is asked for. */
  private readonly loopback: boolean;
  private level: 'path' | 'nat';
  private precise: readonly ProbeChoice[] | undefined;
  private settle: (error: Error | undefined) => void = () => undefined;

  constructor(options: LiveOptions, notes: Notes) {
    this.options = options;
    this.notes = notes;
    this.level = options.detail === 'nat' ? 'nat' : 'path';
    this.loopback = options.netns.includes('all');
    if (options.l7) {
      this.capture = new CaptureSource({
        child: options.captureChild,
        netns: () => this.chosen(),
        loopback: this.loopback,
        keepQuery: options.keepQuery,
      });
      // The last to stop: what was said on the connections that the probes tell of last is then in.
      this.started.push(this.capture);
    }
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** @throws CannotTraceError, UsageError with what is wrong and what to do */
  async start(emit: (event: Event) => void): Promise<void> {
    const window = new ReorderWindow(emit);
    this.window = window;
    const put = (event: Event): void => {
      if (event.kind === 'detail') this.level = event.level;
      window.push(event);
    };
    let count = 0;
    const take = (event: Event): void => {
      // Conntrack gives the same reason as rules.
      if (event.kind === 'drop' && event.reason === BY_RULE) this.names?.turnedAway(event.netns);
      if (event.kind === 'tick' || (event.kind === 'packet' && count++ % LAG_SAMPLE === 0)) {
        window.behind(Math.max(0, monotonicNow() - event.at - CALM_LAG_NS));
      }
      put(event);
    };
    const names = this.startNames(put);
    // To attach takes as long as to read names: both at once, unless a name says what to attach to.
    if (namesNeeded(this.options.netns)) await names;
    const [probes] = await Promise.all([
      this.startProbes(names, take, put),
      names.then(() => this.startCapture(window)),
      this.startKube(put),
    ]);

    this.notes.progress('reading connections from before');
    const conntrack = conntrackSource({ now: monotonicNow, limit: this.options.maxConnections });
    // What is read takes longer than the window holds, and is true from the moment it is told.
    await this.begin(conntrack, (event) => put({ ...event, at: monotonicNow() }));
    const missing = [...probes.missing, ...conntrack.missing];
    if (conntrack.missing.length > 0) put(this.probesEvent(missing, true));

    void probes.done.then((error) => {
      if (error !== undefined) {
        put(this.probesEvent(missing, false));
        // With the probes time stands still: nothing later will come to push this out.
        window.flush();
      }
      this.settle(error);
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    // Probes first: what they have printed by then is still taken.
    for (const source of [...this.started].reverse()) await source.stop();
    this.window?.flush();
    this.settle(undefined);
  }

  private async startNames(put: (event: Event) => void): Promise<void> {
    this.notes.progress('reading namespaces, links and rules');
    // What is there when we begin is so from the beginning; no event of the probes comes before it.
    const began = monotonicNow();
    let beginning = true;
    const names = namesSource({ now: monotonicNow });
    this.names = names;
    await this.begin(names, (event) => {
      if (event.kind === 'netns') this.known.set(event.netns, event);
      this.capture?.know(event);
      put({ ...event, at: beginning ? began : monotonicNow() });
    });
    beginning = false;
    // Without news of names tracing goes on with what is known.
    void names.done.then((error) => {
      if (error !== undefined) this.notes.say(`names are no longer kept up to date: ${error.message}`);
    });
  }

  /** At once with the rest: names that come later come when they come. */
  private async startKube(put: (event: Event) => void): Promise<void> {
    const { kube, kubeconfig, env } = this.options;
    if (!kube) return;
    await this.begin(kubeSource({ now: monotonicNow, kubeconfig, env, notes: this.notes }), put);
  }

  private async startCapture(window: ReorderWindow): Promise<void> {
    const { capture } = this;
    if (capture === undefined || this.stopped) return;
    await capture.start((event) => {
      if (event.kind === 'head') {
        window.behind(Math.min(HEAD_LAG_NS, Math.max(0, monotonicNow() - event.at - CALM_LAG_NS)));
      }
      window.push(event);
    });
  }

  private async startProbes(
    names: Promise<void>,
    take: (event: Event) => void,
    put: (event: Event) => void,
  ): Promise<BpftraceSource> {
    const { detail, bufferPages, probesFolder } = this.options;
    const { loopback } = this;
    const netns = await this.chosen();
    this.notes.progress('attaching probes');
    const probes = new BpftraceSource({
      probes: probesFolder,
      set: this.options.probes,
      detail,
      netns,
      loopback,
      bufferPages,
    });
    let early: Event[] | undefined = [];
    await this.begin(probes, (event) => {
      if (early === undefined) take(event);
      else early.push(event);
    });
    await names;
    this.precise = probes.precise;
    for (const { what, by, why } of probes.precise ?? []) {
      this.notes.detail(
        `${what}: ${by === 'none' ? 'not traced' : `by ${by}`}${why === undefined ? '' : ` (${why})`}`,
      );
    }
    put({ ...this.probesEvent(probes.missing, true), at: early[0]?.at ?? monotonicNow() });
    // Held back by us; that says nothing of how far the probes are behind.
    for (const event of early) put(event);
    early = undefined;
    return probes;
  }

  private chosen(): Promise<readonly number[]> {
    return chooseNetns(this.options.netns, [...this.known.values()]);
  }

  private async begin(source: Source, take: (event: Event) => void): Promise<void> {
    if (this.stopped) throw new Error('stopped while starting');
    // Before it is started: what starts half has to be ended too.
    this.started.push(source);
    await source.start(take);
  }

  private probesEvent(missing: readonly string[], running: boolean): ProbesEvent {
    const precise = this.precise;
    return {
      kind: 'probes',
      at: monotonicNow(),
      set: precise?.some(({ by }) => by !== 'none') ? 'precise' : 'tracepoint',
      level: this.level,
      running,
      missing,
      ...(precise && { precise }),
    };
  }
}
