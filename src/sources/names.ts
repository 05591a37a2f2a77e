import { setTimeout as sleep } from 'node:timers/promises';
import { RuleWatch } from '../cluster/netns/rulewatch.ts';
import type { Namespace } from '../cluster/netns/namespace.ts';
import { run } from '../cluster/netns/run.ts';
import { Survey } from '../cluster/netns/survey.ts';
import { hasRules } from '../cluster/netns/tables.ts';
import { CannotTraceError } from '../events/errors.ts';
import type { Event } from '../events/event.ts';
import { ConntrackCounters } from './conntrack/counters.ts';
import type { Source } from './source.ts';

export interface NamesOptions {
  /** The monotonic clock that all events of this machine carry, in nanoseconds. */
  readonly now: () => number;
}

/** Between two looks: ten times what a look takes, within these bounds. A new Pod is known after two seconds. */
const PAUSE = { factor: 10, leastMs: 1000, mostMs: 3000 };
/** How long the start waits for rules; a node with 60,000 takes longer, and its rules come when they come. */
const RULES_PATIENCE_MS = 3000;

/**
 * Who is who on this machine: namespaces with their links, processes and listeners, and the rules in force
 * in each; all at the start, then what changes. With each look goes one at what their conntrack counts.
 */
export function namesSource({ now }: NamesOptions): Source {
  const stopping = new AbortController();
  const watches = new Map<number, RuleWatch>();
  const survey = new Survey();
  const counters = new ConntrackCounters();
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
    const visitorIn = (netns: number): number | undefined => watches.get(netns)?.visitor;
    for (const counts of counters.look(present, visitorIn)) emit({ ...counts, at: now() });
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
    async start(emit) {
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
