/**
 * Message heads of this machine: a capture in each namespace that is worth one, their packets read down to the
 * messages in them. What is not captured is told, and ends nothing: without heads connections are traced as before.
 */
import { readlinkSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { findNamespaces, namespaceOf } from '../../cluster/netns/find.ts';
import type { Event, NetnsEvent } from '../../events/event.ts';
import { monotonicNow } from '../clock.ts';
import type { Source } from '../source.ts';
import { Assembler } from '../wire/assembler.ts';
import { CaptureChild } from './child.ts';
import { MOST_PLACES, choosePlaces, redirects } from './choice.ts';
import { segmentOf } from './packet.ts';
import { chooseTool } from './tool.ts';
import type { CaptureTool } from './tool.ts';

export interface CaptureOptions {
  /** Path of the bundled capture child. */
  readonly child: string;
  /** Namespaces to capture in, asked once names are known; empty: all that are worth it. */
  readonly netns: () => Promise<readonly number[]>;
  /** What stays on the loopback of nathop's own namespace too. */
  readonly loopback: boolean;
  readonly keepQuery: boolean;
}

/** As many start at once: Node takes a tenth of a second of a core each, which the probes need too. */
const STARTING_AT_ONCE = 4;
/** What the start of everything waits for the captures at most; the rest attach while we trace. */
const PATIENCE_MS = 2_500;
const TICK_MS = 100;
/** One that ended by itself is begun anew, so often and after so long. */
const ATTEMPTS = 5;
const PAUSE_MS = 1_000;

interface Place {
  readonly netns: NetnsEvent;
  /** The way into the namespace; kept alive by us alone once nothing is there any more. */
  readonly path: string;
  readonly child: CaptureChild;
  readonly assembler: Assembler;
  ready: boolean;
}

export class CaptureSource implements Source {
  readonly done: Promise<Error | undefined>;
  private readonly options: CaptureOptions;
  private readonly own = namespaceOf('self');
  private settle: (error: Error | undefined) => void = () => undefined;
  private emit: (event: Event) => void = () => undefined;
  private tool: CaptureTool | undefined;
  private chosen: readonly number[] = [];
  private readonly known = new Map<number, NetnsEvent>();
  private readonly redirecting = new Set<number>();
  private readonly places = new Map<number, Place>();
  /** How the last capture in a namespace ended, and how many did. */
  private readonly ends = new Map<number, { how: string; count: number }>();
  private arranging: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;
  private started = false;
  private said = '';
  private unread = 0;

  constructor(options: CaptureOptions) {
    this.options = options;
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** What is known of this machine's namespaces; may come before the start. Other events are of no interest. */
  know(event: Event): void {
    switch (event.kind) {
      case 'netns':
        this.known.set(event.netns, event);
        break;
      case 'netns-gone':
        this.known.delete(event.netns);
        this.redirecting.delete(event.netns);
        this.ends.delete(event.netns);
        break;
      case 'rules':
        if (redirects(event)) this.redirecting.add(event.netns);
        break;
      default:
        return;
    }
    if (this.started) this.arrange();
  }

  /** @throws UsageError where a namespace is chosen that there is not; what cannot be captured is told */
  async start(emit: (event: Event) => void): Promise<void> {
    this.emit = emit;
    [this.tool, this.chosen] = await Promise.all([chooseTool(this.options.child), this.options.netns()]);
    if (this.stopping) return;
    this.started = true;
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
    this.arrange();
    await Promise.race([this.arranging, delay(PATIENCE_MS, undefined, { ref: false })]);
    this.tell();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await Promise.all([...this.places.values()].map((place) => place.child.stop()));
    for (const place of this.places.values()) place.assembler.flush();
    this.places.clear();
    await this.arranging;
    this.settle(undefined);
  }

  private get wanted(): readonly NetnsEvent[] {
    const { chosen } = this;
    const traced = [...this.known.values()];
    const meant = chosen.length === 0 ? traced : traced.filter(({ netns }) => chosen.includes(netns));
    return choosePlaces(meant, this.redirecting);
  }

  /** Makes the captures those that are wanted now; once more if that changes meanwhile. */
  private arrange(): void {
    if (this.stopping) return;
    this.again = true;
    this.arranging ??= this.arrangeNow().finally(() => {
      this.arranging = undefined;
      if (this.again) this.arrange();
      else this.tell();
    });
  }

  private async arrangeNow(): Promise<void> {
    this.again = false;
    const { tool } = this;
    if (tool === undefined) return;
    const wanted = this.wanted.slice(0, MOST_PLACES);
    const inums = new Set(wanted.map(({ netns }) => netns));
    for (const [inum, place] of this.places) if (!inums.has(inum)) this.leave(place);
    const fresh = wanted.filter(
      ({ netns }) => !this.places.has(netns) && (this.ends.get(netns)?.count ?? 0) < ATTEMPTS,
    );
    if (fresh.length === 0) return;
    const found = await findNamespaces();
    const queue = fresh.values();
    const one = async (): Promise<void> => {
      for (const netns of queue) {
        const path = found.get(netns.netns)?.path;
        if (path !== undefined && !this.stopping) await this.begin(netns, path, tool);
      }
    };
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, one));
  }

  /** Resolves once it captures, or has ended. */
  private async begin(netns: NetnsEvent, path: string, tool: CaptureTool): Promise<void> {
    const inum = netns.netns;
    const { keepQuery, loopback } = this.options;
    const assembler = new Assembler(inum, { keepQuery }, (event) => {
      this.emit(event);
    });
    const how = {
      withoutLoopback: inum === this.own && !loopback,
      busy: netns.role === 'node' || netns.role === 'host',
    };
    const child = new CaptureChild(path, tool, how, {
      packet: ({ linkType, data }, at) => {
        const segment = segmentOf(linkType, data, at);
        if (typeof segment === 'object') assembler.push(segment);
        else if (segment !== 'other') this.unread++;
      },
      missed: (count) => {
        this.emit({ kind: 'heads-missed', at: monotonicNow(), count, where: 'kernel' });
      },
    });
    const place: Place = { netns, path, child, assembler, ready: false };
    this.places.set(inum, place);
    void child.ended.then((words) => this.ended(place, words));
    await Promise.race([
      child.ended,
      child.ready.then(() => {
        place.ready = true;
      }),
    ]);
  }

  private leave(place: Place): void {
    this.places.delete(place.netns.netns);
    void place.child.stop().then(() => {
      place.assembler.flush();
    });
  }

  private ended(place: Place, how: string): void {
    const inum = place.netns.netns;
    // We ended it, or another one is there already.
    if (this.stopping || this.places.get(inum) !== place) return;
    this.places.delete(inum);
    place.assembler.flush();
    // With its namespace it may go as it likes.
    if (!leadsTo(place.path, inum)) return;
    this.ends.set(inum, { how, count: (this.ends.get(inum)?.count ?? 0) + 1 });
    this.tell();
    setTimeout(() => this.arrange(), PAUSE_MS).unref();
  }

  private tick(): void {
    const at = monotonicNow();
    for (const [inum, place] of this.places) {
      place.assembler.tick(at);
      // Our process keeps a namespace and its devices from going away, so it must be the first to leave.
      if (!leadsTo(place.path, inum)) {
        this.leave(place);
        this.arrange();
      }
    }
    if (this.unread > 0) this.emit({ kind: 'heads-missed', at, count: this.unread, where: 'unread' });
    this.unread = 0;
  }

  /** Says what is captured and what is not, if that is news. */
  private tell(): void {
    if (this.stopping) return;
    const running = [...this.places.values()].some(({ ready }) => ready);
    const missing = this.missing();
    const said = JSON.stringify([running, missing]);
    if (said === this.said) return;
    this.said = said;
    this.emit({ kind: 'capture', at: monotonicNow(), running, missing });
  }

  private missing(): string[] {
    if (this.tool === undefined) {
      return ['no message heads: neither does cap load nor is tcpdump there (see nathop doctor)'];
    }
    const wanted = this.wanted;
    const chosen = wanted.slice(0, MOST_PLACES);
    const missing: string[] = [];
    for (const { netns, name } of chosen) {
      const end = this.ends.get(netns);
      if (end !== undefined && this.places.get(netns)?.ready !== true) {
        missing.push(`message heads in ${name} are not read: the capture there ended ${end.how}`);
      }
    }
    const late = chosen.filter(
      ({ netns }) => !this.ends.has(netns) && this.places.get(netns)?.ready === false,
    );
    if (late.length > 0) missing.push(`message heads in ${namesOf(late)} are not read yet`);
    const rest = wanted.slice(MOST_PLACES);
    if (rest.length > 0) {
      const limit = `captures in more than ${String(MOST_PLACES)} namespaces cost too much`;
      missing.push(`message heads in ${namesOf(rest)} are not read: ${limit}`);
    }
    return missing;
  }
}

const NAMED = 3;

function namesOf(places: readonly NetnsEvent[]): string {
  const names = places.slice(0, NAMED).map(({ name }) => name);
  const more = places.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${String(more)} more`;
}

/** Whether a path still leads into a namespace: a mount, or a process's. */
function leadsTo(path: string, inum: number): boolean {
  try {
    return path.startsWith('/proc/')
      ? readlinkSync(path) === `net:[${String(inum)}]`
      : statSync(path).ino === inum;
  } catch {
    return false;
  }
}
