/**
 * The engine: events in, requests out. It has no clock and no I/O; what time it is, the events say.
 */
import type { ClockEvent, Event } from '../events/event.ts';
import { compose, idOf } from './compose.ts';
import type { Connection } from './connection.ts';
import { ConntrackCounts } from './conntrack-counts.ts';
import { Conversations } from './conversations.ts';
import { Correlator } from './correlate.ts';
import type { Exchange } from './exchange.ts';
import type { NameKeeper } from './knowledge.ts';
import { isSettled, isSpent, noteEnd, noteSilence, stateOf } from './lifecycle.ts';
import type { Level } from './lifecycle.ts';
import { render } from './render.ts';
import type { Circumstances } from './render.ts';
import type { Request } from './request.ts';
import { Table } from './table.ts';

export interface EngineOptions {
  /** Connections held at most; about 1.5 KB each. The oldest give way, and are given out as known. */
  maxConnections: number;
  /** Wall time in nanoseconds at event time 0. */
  wallOffset: bigint;
}

export interface EngineStats {
  events: number;
  /** Connections held: open ones, and those told that may still be corrected. */
  open: number;
  /** Given out before their end because the table was full. */
  evicted: number;
  lost: number;
}

/** For a view. */
export interface Changes {
  readonly requests: readonly Request[];
  /** Ids told before that no longer are: they were found to be a part of another request. */
  readonly gone: readonly string[];
}

/** How often, in event time, the table is looked through for what ended by silence. */
const SWEEP_NS = 200_000_000;

export class Engine {
  private readonly table = new Table();
  private readonly correlator: Correlator;
  private readonly conversations: Conversations;
  private readonly counts = new ConntrackCounts();
  private readonly knowledge: NameKeeper;
  private readonly options: EngineOptions;
  private readonly clocks = new Map<number, ClockEvent>();
  private level: Level = 'path';
  /** Heads are captured. */
  private hearing = false;
  private sweptAt = 0;
  private events = 0;
  private evicted = 0;
  /** Touched since changes() was last called; undefined until somebody asks, so that it costs nothing. */
  private touched: Set<Connection> | undefined;
  private ended: Request[] = [];
  /** Ended ones in the order of their ends; up to `settled` they are dealt with. */
  private readonly ending: Connection[] = [];
  private settled = 0;

  constructor(knowledge: NameKeeper, options: EngineOptions) {
    this.knowledge = knowledge;
    this.options = options;
    this.correlator = new Correlator(this.table, knowledge);
    this.conversations = new Conversations(this.table, knowledge);
  }

  /** Takes the next event in order. @returns the requests that it finished, or of which it changed what was said */
  apply(event: Event): readonly Request[] {
    this.events++;
    const connection = this.take(event);
    if (connection !== undefined) {
      if (this.level === 'nat') connection.unwatched = true;
      const going = connection.endedAt === 0;
      noteEnd(connection, this.level, event.at);
      if (going && connection.endedAt > 0) this.ending.push(connection);
      this.touched?.add(connection);
      if (this.table.size > this.options.maxConnections) this.evict();
    }
    if (event.at - this.sweptAt >= SWEEP_NS) this.sweep(event.at);
    this.settle(event.at);
    this.settleExchanges(event.at);
    if (this.ended.length === 0) return NONE;
    const { ended } = this;
    this.ended = [];
    return ended;
  }

  /** All that has not been given out, oldest first, as it is known now. */
  open(): Request[] {
    const requests: Request[] = [];
    const told = new Set<Exchange>();
    for (const connection of this.table.all()) {
      const exchanges = this.conversations.toldOf(connection);
      for (const exchange of exchanges ?? []) told.add(exchange);
      if (exchanges !== undefined || connection.emitted !== undefined) continue;
      if (wasSeen(connection)) requests.push(this.render(connection));
    }
    for (const exchange of told) requests.push(this.compose(exchange));
    return requests;
  }

  /** What was touched since the last call, for a view that is drawn from time to time. */
  changes(): Changes {
    this.touched ??= new Set(this.table.all());
    const requests: Request[] = [];
    const told = new Set<Exchange>();
    for (const connection of this.touched) {
      if (!this.table.has(connection)) continue;
      const exchanges = this.conversations.toldOf(connection);
      if (exchanges === undefined) requests.push(this.render(connection));
      // What has ended is told when it has settled: another name of a search list may come yet.
      for (const exchange of exchanges ?? []) if (exchange.endedAt === 0) told.add(exchange);
    }
    this.touched.clear();
    for (const exchange of told) requests.push(this.compose(exchange));
    return { requests, gone: this.conversations.takeAbsorbed().map(idOf) };
  }

  get stats(): EngineStats {
    return {
      events: this.events,
      open: this.table.size,
      evicted: this.evicted,
      lost: this.correlator.losses.total,
    };
  }

  private take(event: Event): Connection | undefined {
    switch (event.kind) {
      case 'packet':
        return this.correlator.packet(event);
      case 'drop':
      case 'icmp-error':
        return this.correlator.mishap(event);
      case 'socket':
        return this.correlator.socket(event);
      case 'retransmit':
        return this.correlator.retransmit(event);
      case 'entry':
        return this.correlator.entry(event);
      case 'nat':
      case 'verdict':
        return this.correlator.making(event);
      case 'entry-refused':
        return this.correlator.entryRefused(event);
      case 'entry-gone':
        return this.correlator.entryGone(event);
      case 'netns':
      case 'netns-gone':
      case 'rules':
      case 'kube':
      case 'kube-gone':
      case 'kube-state':
        this.knowledge.take(event);
        return undefined;
      case 'lost':
        this.correlator.lost(event);
        return undefined;
      case 'probes':
        if (this.correlator.startedAt < 0) this.correlator.startedAt = event.at;
        this.level = event.level;
        if (event.level === 'nat') for (const connection of this.table.all()) connection.unwatched = true;
        return undefined;
      case 'detail':
        this.level = event.level;
        if (event.level === 'nat') for (const connection of this.table.all()) connection.unwatched = true;
        return undefined;
      case 'head': {
        const connection = this.correlator.head(event);
        if (connection !== undefined) this.conversations.hear(connection, event);
        return connection;
      }
      case 'capture':
        this.hearing = event.running;
        return undefined;
      case 'heads-missed':
        this.conversations.lookups.missed += event.count;
        return undefined;
      case 'clock':
        this.clocks.set(event.machine, event);
        return undefined;
      case 'conntrack-stats':
        this.counts.take(event);
        return undefined;
      case 'tick':
        return undefined;
    }
  }

  /** Looks for what ended by silence, and for what was told and is not worth keeping. */
  private sweep(at: number): void {
    this.sweptAt = at;
    for (const connection of this.table.all()) {
      if (connection.endedAt === 0) {
        if (noteSilence(connection, at, this.correlator.gaps.total)) this.ending.push(connection);
      } else if (isSpent(connection, stateOf(connection, this.level), at, this.hearing)) {
        this.table.remove(connection);
      }
    }
  }

  /** Gives out what has ended and settled: in order of the ends, so that each event pays for a few at most. */
  private settle(at: number): void {
    const { ending } = this;
    while (this.settled < ending.length) {
      const connection = ending[this.settled] as Connection;
      // One that went on after its end has none, and comes again when it ends again.
      if (connection.endedAt > 0 && !isSettled(connection, at)) break;
      this.settled++;
      if (connection.endedAt === 0 || !this.table.has(connection)) continue;
      const state = stateOf(connection, this.level);
      if (connection.emitted !== state) this.give(connection);
      if (isSpent(connection, state, at, this.hearing)) this.table.remove(connection);
    }
    if (this.settled > COMPACT_AT && this.settled * 2 > ending.length) {
      ending.splice(0, this.settled);
      this.settled = 0;
    }
  }

  private settleExchanges(at: number): void {
    for (const exchange of this.conversations.settled(at)) {
      this.ended.push(this.compose(exchange));
    }
  }

  private give(connection: Connection): void {
    connection.emitted = stateOf(connection, this.level);
    if (this.conversations.toldOf(connection) !== undefined) {
      this.conversations.connectionEnded(connection);
      return;
    }
    const failed = !connection.answered && this.conversations.connectionFailed(connection);
    if (!failed && wasSeen(connection)) this.ended.push(this.render(connection));
    this.touched?.delete(connection);
  }

  private evict(): void {
    for (const oldest of this.table.all()) {
      this.evicted++;
      if (oldest.emitted === undefined) {
        oldest.doubt('given up before its end: more connections than --max-connections');
        this.give(oldest);
      }
      this.table.remove(oldest);
      return;
    }
  }

  private render(connection: Connection): Request {
    return render(connection, this.circumstances);
  }

  private compose(exchange: Exchange): Request {
    return compose(exchange, this.conversations, this.circumstances);
  }

  private get circumstances(): Circumstances {
    return {
      knowledge: this.knowledge,
      clocks: this.clocks,
      counts: this.counts,
      level: this.level,
      lost: this.correlator.losses.total,
      wallOffset: this.options.wallOffset,
    };
  }
}

const NONE: readonly Request[] = [];
const COMPACT_AT = 1024;

/** Not merely read from a table: something of it happened during the trace. */
function wasSeen({ forward, reply, mishaps, beginningSeen }: Connection): boolean {
  return beginningSeen || forward.length > 0 || reply.length > 0 || mishaps.length > 0;
}
