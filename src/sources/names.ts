import { setTimeout as sleep } from 'node:timers/promises';
import { RuleWatch } from '../cluster/netns/rulewatch.ts';
import type { Namespace } from '../cluster/netns/namespace.ts';
import { run } from '../cluster/netns/run.ts';
import { Survey } from '../cluster/netns/survey.ts';
import { hasRules } from '../cluster/netns/tables.ts';
import { CannotTraceError } from '../events/errors.ts';
import type { Event, NetnsId } from '../events/event.ts';
import { ConntrackCounters } from './conntrack/counters.ts';
import type { Source } from './source.ts';

export interface NamesOptions {
  /** The monotonic clock that all events of this machine carry, in nanoseconds. */
  readonly now: () => number;
}

/** Between two looks: ten times what a look takes, within these bounds. A new Pod is known after two seconds. */
const PAUSE = { factor: 10, leastMs: 1000, mostMs: 3000 };
/** What conntrack turns away comes in bursts; the counts of its namespace are looked at once for so much of one. */
const BURST_MS = 100;
/** How long the start waits for rules; a node with 60,000 takes longer, and its rules come when they come. */
const RULES_PATIENCE_MS = 3000;

export interface NamesSource extends Source {
  /** Conntrack may have turned a packet away there: what it counts tells, and is looked at now, not with the next look. */
  turnedAway(netns: NetnsId): void;
}

/**
 * Who is who on this machine: namespaces with their links, processes and listeners, and the rules in force
 * in each; all at the start, then what changes. With each look goes one at what their conntrack counts.
 */
export function namesSource({ now }: NamesOptions): NamesSource {
  const stopping = new AbortController();
  const watches = new Map<number, RuleWatch>();
  const survey = new Survey();
  const counters = new ConntrackCounters();
  /** By inode number, as last looked at. */
  let namespaces: ReadonlyMap<number, Namespace> = new Map();
  const suspects = new Set<NetnsId>();
  let tell: (event: Event) => void = () => undefined;
  let looking: Promise<void> = Promise.resolve();
  let ended: (error: Error | undefined) => void = () => undefined;
  const done = new Promise<Error | undefined>((resolve) => (ended = resolve));

  async function look(emit: (event: Event) => void): Promise<void> {
    const { changed, gone, present } = await survey.look();
    if (stopping.signal.aborted) return;
    for (const netns of gone) {
      watches.get(netns)?.stop();
      watches.delete(netns);
      counters.forget(netns);
      emit({ kind: 'netns-gone', at: now(), netns });
    }
    for (const description of changed) emit({ kind: 'netns', at: now(), ...description });
    await Promise.race([watchRules(present, emit), sleep(RULES_PATIENCE_MS, undefined, { ref: false })]);
    namespaces = new Map(present.map((namespace) => [namespace.inum, namespace]));
    count(present, emit);
  }

  function count(where: Iterable<Namespace>, emit: (event: Event) => void): void {
    const visitorIn = (netns: number): number | undefined => watches.get(netns)?.visitor;
    for (const counts of counters.look(where, visitorIn)) emit({ ...counts, at: now() });
  }

  function countSuspects(): void {
    const where = [...suspects].flatMap((netns) => namespaces.get(netns) ?? []);
    suspects.clear();
    if (!stopping.signal.aborted) count(where, tell);
  }

  async function watchRules(present: readonly Namespace[], emit: (event: Event) => void): Promise<void> {
    const fresh = present.filter((namespace) => hasRules(namespace.tables) && !watches.has(namespace.inum));
    await Promise.all(
      fresh.map((namespace) => {
        const watch = new RuleWatch(namespace, (rules) => emit({ kind: 'rules', at: now(), ...rules }));
        watches.set(namespace.inum, watch);
        return watch.start();
      }),
    );
  }

  async function keepLooking(emit: (event: Event) => void, tookMs: number): Promise<void> {
    for (let took = tookMs; ;) {
      const pause = Math.min(Math.max(took * PAUSE.factor, PAUSE.leastMs), PAUSE.mostMs);
      await sleep(pause, undefined, { signal: stopping.signal, ref: false });
      const began = performance.now();
      await look(emit);
      took = performance.now() - began;
    }
  }

  return {
    done,
    turnedAway(netns) {
      if (suspects.size === 0) setTimeout(countSuspects, BURST_MS).unref();
      suspects.add(netns);
    },
    async start(emit) {
      tell = emit;
      await requireTools();
      await look(emit);
      looking = keepLooking(emit, 0).catch((error: unknown) => {
        ended(stopping.signal.aborted ? undefined : toError(error));
      });
    },
    async stop() {
      stopping.abort();
      for (const watch of watches.values()) watch.stop();
      await looking;
      ended(undefined);
    },
  };
}

/** Without these two no namespace can be told from another. */
async function requireTools(): Promise<void> {
  for (const [command, packageName] of [
    ['nsenter', 'util-linux'],
    ['ip', 'iproute2'],
  ] as const) {
    if ((await run(command, ['-V'])) === undefined) {
      throw new CannotTraceError(`${command} does not run`, `Install ${packageName}.`);
    }
  }
}

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
