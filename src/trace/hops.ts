/**
 * A connection's hops: rewrites, devices, delivery, drops, in the order in which the packet met them.
 */
import type { Evaluated, NetnsId, ProcessRef } from '../events/event.ts';
import { inumOf } from '../events/netns.ts';
import { destinationOf, invert, sameTuple, sourceOf } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { afterNat } from './connection.ts';
import type { Connection, Crossing, Entry, Mishap } from './connection.ts';
import type { Knowledge, RefusalRule } from './knowledge.ts';
import { isDrop, isErrorLost, refusal } from './lifecycle.ts';
import type { SourceRewrite } from './remedies/loss.ts';
import type { Ends, Hook, Hop, HopKind, Rule } from './request.ts';
import { BY_RULE, refusalRuleOf } from './refusal-rule.ts';
import { rewritesOf, shows, undoneBy } from './rewrites.ts';
import type { Done } from './rewrites.ts';
import { serverOf } from './server.ts';
import type { Served } from './server.ts';
import { coming, forwardWay, replyWay } from './way.ts';
import type { Stage } from './way.ts';

export interface Way {
  hops: Hop[];
  replyHops: Hop[];
  /** In order. */
  sourceRewrites: SourceRewrite[];
  /** Where it failed: the hop, what befell the packet, and the rule that did it. */
  failed: { hop: number; mishap: Mishap | undefined; rule: RefusalRule } | undefined;
  /** The same of the answer, in `replyHops`. */
  failedBack: Way['failed'];
  /** The hop that sends it where no rule in force sends what is dialled, though there are rules for that Service. */
  stale: { hop: number; service: string } | undefined;
  /** The first packet as the server's namespace took it, if it is known. */
  arrived: Tuple | undefined;
  server: Served | undefined;
}

export function wayOf(connection: Connection, knowledge: Knowledge): Way {
  return new WayBuilder(connection, knowledge).build();
}

class WayBuilder {
  private readonly connection: Connection;
  private readonly knowledge: Knowledge;
  private readonly way: Way = {
    hops: [],
    replyHops: [],
    sourceRewrites: [],
    failed: undefined,
    failedBack: undefined,
    stale: undefined,
    arrived: undefined,
    server: undefined,
  };
  /** When it was last seen on its way. */
  private passedAt: number;

  constructor(connection: Connection, knowledge: Knowledge) {
    this.connection = connection;
    this.knowledge = knowledge;
    this.passedAt = connection.firstAt;
  }

  build(): Way {
    const { connection, knowledge, way } = this;
    const stages = forwardWay(connection, knowledge);
    const server = serverOf(connection, stages, knowledge);
    let previous: Stage | undefined;
    for (const stage of stages) {
      this.checkGap(previous, stage);
      this.forwardStage(stage, previous);
      way.arrived = stage.entry === undefined ? stage.crossings.at(-1)?.tuple : afterNat(stage.entry);
      previous = stage;
    }
    if (server !== undefined) this.deliver(server, previous);
    else this.fail();
    this.nameDialler();
    for (const stage of replyWay(connection, knowledge)) this.replyStage(stage);
    if (connection.trouble.untaken) this.failBack();
    return way;
  }

  /** The hop at which the answer was dropped, where that was seen. */
  private failBack(): void {
    const { connection, knowledge, way } = this;
    // One that comes when the client has given up finds no socket: that is no cause.
    const mishap = connection.mishaps.findLast(
      (m) =>
        m.direction === 'reply' &&
        m.event.kind === 'drop' &&
        !isErrorLost(m, connection) &&
        !isDrop(m, 'NO_SOCKET'),
    );
    if (mishap?.event.kind !== 'drop') return;
    const { event } = mishap;
    const { hook, rule } = refusalRuleOf(mishap, 'drop', connection, knowledge);
    const hop = this.hop('drop', event.netns, hook, true);
    setDevice(hop, knowledge.hookDevice(event.netns, event.inIfindex), undefined);
    hop.before = ends(event.tuple);
    hop.after = hop.before;
    if (rule.rule !== undefined) hop.rule = rule.rule;
    way.replyHops.push(this.finish(hop, event.at, true));
    way.failedBack = { hop: way.replyHops.length - 1, mishap, rule };
  }

  private forwardStage(stage: Stage, previous: Stage | undefined): void {
    const { netns, entry, crossings } = stage;
    const cameBy = this.cameBy(netns, previous);
    const pending = rewritesOf(stage, this.connection, this.knowledge, cameBy);
    for (const crossing of crossings) {
      // Inside a bridge with br_netfilter a packet shows between DNAT and SNAT: each rewrite stands before
      // the first device at which it shows.
      while (entry !== undefined && pending[0] !== undefined && shows(pending[0], crossing.tuple)) {
        this.rewrite(entry, pending.shift() as Done, crossing);
      }
      this.way.hops.push(this.deviceHop(crossing));
      this.passedAt = crossing.at;
    }
    if (entry !== undefined) for (const rest of pending) this.rewrite(entry, rest, undefined);
  }

  private rewrite(entry: Entry, rewrite: Done, crossing: Crossing | undefined): void {
    const explained = entry.rules?.rewriteRule(rewrite) ?? {};
    const { kind, hook, before, after, inDevice, outDevice, evaluated, seen } = rewrite;
    // Who sends from here is translated before the packet that is told of it as the first; and of a packet that was
    // sent again the last way counts, while the entry was translated on the first.
    const seenAt = seen && Math.max(seen.at, this.passedAt);
    const at = seenAt ?? crossing?.at ?? (entry.read ? undefined : this.answeredAt(entry.netns));
    const hop = this.hop(kind, entry.netns, hook, seen !== undefined);
    // Before routing there is no device to leave by, after it none to come from.
    if (hook === 'POSTROUTING') setDevice(hop, undefined, outDevice);
    else setDevice(hop, inDevice, undefined);
    hop.before = ends(before);
    hop.after = ends(after);
    if (explained.rule !== undefined) hop.rule = explained.rule;
    if (explained.markedBy !== undefined) hop.markedBy = explained.markedBy;
    if (evaluated !== undefined) this.tellEvaluated(hop, evaluated, explained.overruled);
    const index = this.way.hops.push(this.finish(hop, at, !entry.read)) - 1;
    const isUnexplained = explained.rule === undefined && seen === undefined;
    if (kind === 'dnat' && isUnexplained && entry.rules !== undefined) this.doubtRule(entry);
    if (kind === 'snat' || kind === 'masquerade') {
      const { netns, rules } = entry;
      this.way.sourceRewrites.push({ index, hop, netns, rewrite, explained, rules });
    }
  }

  private tellEvaluated(hop: Hop, { comment, chains }: Evaluated, overruled: Rule | undefined): void {
    hop.evaluated = { ...(comment !== undefined && { comment }), chains: [...chains] };
    if (overruled === undefined) return;
    const ran = [
      ...(comment === undefined ? [] : [`the comment "${comment}"`]),
      ...(chains.length === 0 ? [] : [`chain ${chains.at(-1) ?? ''}`]),
    ].join(' and ');
    this.connection.doubt(
      `by the rules as read, ${overruled.table} ${overruled.chain} did the ${hop.kind} on ${hop.node ?? hop.netns?.name ?? 'the node'}; the kernel was seen to run another, last at ${ran}`,
    );
  }

  /** An entry lives on when its Service's endpoints change, and goes on sending packets to the one that is gone. */
  private doubtRule({ netns, original }: Entry): void {
    const { dst, dport, protocol } = original;
    const dialled = this.knowledge.endpoint(netns, dst, dport, protocol, this.connection.firstAt);
    if (dialled.kind !== 'service' || dialled.name === undefined) return;
    this.way.stale = { hop: this.way.hops.length - 1, service: dialled.name };
  }

  private answeredAt(netns: NetnsId): number | undefined {
    return this.connection.reply.find((c) => c.devices.netns === netns)?.at;
  }

  /** The device by which a packet came into a namespace: the other end of the one it left by before. */
  private cameBy(netns: NetnsId, previous: Stage | undefined): string | undefined {
    const devices = previous?.crossings.at(-1)?.devices;
    const peer = devices && this.knowledge.peer(devices.netns, devices.out);
    return peer?.netns === netns ? peer.device : undefined;
  }

  private deliver(server: Served, previous: Stage | undefined): void {
    const { connection, knowledge, way } = this;
    way.server = server;
    way.arrived = server.tuple;
    const answer = connection.reply.find(({ devices }) => devices.netns === server.netns && devices.in === 0);
    const process: ProcessRef | undefined =
      connection.delivery?.process ?? knowledge.listener(server.netns, server.tuple);
    const hop = this.hop('deliver', server.netns, 'INPUT', false);
    // Where nothing tells: the answer leaves by the device that the packet came in by, as a rule.
    const answeredBy = answer?.devices.outName === 'lo' ? undefined : answer?.devices.outName;
    setDevice(hop, this.cameBy(server.netns, previous) ?? answeredBy, undefined);
    hop.before = ends(server.tuple);
    hop.after = hop.before;
    if (process !== undefined) hop.process = { ...process };
    way.hops.push(this.finish(hop, connection.delivery?.at ?? answer?.at, server.observed));
  }

  /** The hop at which the packet was refused or dropped. */
  private fail(): void {
    const { connection } = this;
    if (connection.answered) return;
    const [first] = connection.forward;
    // A packet sent again may meet something else: the last time counts, as it does for the devices.
    const mishaps = connection.mishaps.filter((m) => m.event.at >= (first?.at ?? 0));
    const forward = mishaps.filter((m) => m.direction === 'forward' && !isErrorLost(m, connection));
    const drop =
      forward.findLast((m) => isDrop(m, BY_RULE)) ?? forward.findLast((m) => m.event.kind === 'drop');
    // Where an error is passed on it was not made.
    const error = forward.findLast((m) => m.event.kind === 'icmp-error' && m.event.inIfindex === 0);
    const mishap = drop ?? error;
    if (mishap !== undefined) this.failedBy(mishap);
    else this.failedByReset();
  }

  private failedBy(mishap: Mishap): void {
    const { connection, knowledge, way } = this;
    const { event } = mishap;
    const error = refusal(connection)?.event;
    const { reset } = connection.ending;
    const refused = error !== undefined || reset?.direction === 'reply' || isDrop(mishap, 'NO_SOCKET');
    const kind = refused ? 'reject' : 'drop';
    const current = event.kind === 'drop' ? event.tuple : event.about;
    const original = event.conntrack?.original ?? current;
    const inDevice = knowledge.hookDevice(event.netns, event.inIfindex);
    const { hook, rule, evaluated } = refusalRuleOf(mishap, kind, connection, knowledge);
    const hop = this.hop(kind, event.netns, hook, true);
    setDevice(hop, inDevice, undefined);
    hop.before = ends(original);
    hop.after = ends(current);
    if (rule.rule !== undefined) hop.rule = rule.rule;
    if (evaluated !== undefined) this.tellEvaluated(hop, evaluated, rule.overruled);
    // What refuses answers first and drops the packet then.
    const at = Math.min(event.at, error?.at ?? Infinity, reset?.at ?? Infinity);
    way.hops.push(this.finish(hop, at, true));
    way.failed = { hop: way.hops.length - 1, mishap, rule };
  }

  /** Kernels before 5.17 do not say why they drop; the reset's first device says who sent it. */
  private failedByReset(): void {
    const { reply, ending } = this.connection;
    const answer = reply.find((c) => c.devices.in === 0 && c.at === ending.reset?.at);
    if (answer === undefined || ending.reset?.direction !== 'reply') return;
    const hop = this.hop('reject', answer.devices.netns, undefined, false);
    hop.before = ends(invert(answer.tuple));
    hop.after = hop.before;
    this.way.hops.push(this.finish(hop, answer.at, true));
    this.way.failed = { hop: this.way.hops.length - 1, mishap: undefined, rule: {} };
  }

  private replyStage({ netns, entry, crossings }: Stage): void {
    const pending = entry === undefined ? [] : undoneBy(entry, crossings[0] as Crossing);
    for (const crossing of crossings) {
      // As on the way there: inside a bridge it shows half translated.
      while (pending[0] !== undefined && shows(pending[0], crossing.tuple)) {
        const { kind, hook, before, after } = pending.shift() as (typeof pending)[number];
        const hop = this.hop(kind, netns, hook, false);
        hop.before = ends(before);
        hop.after = ends(after);
        this.way.replyHops.push(this.finish(hop, crossing.at, true));
      }
      this.way.replyHops.push(this.deviceHop(crossing));
    }
  }

  private nameDialler(): void {
    const [first] = this.way.hops;
    const { dialler } = this.connection;
    if (first !== undefined && dialler !== undefined) first.process ??= { ...dialler };
  }

  private checkGap(previous: Stage | undefined, stage: Stage): void {
    const before = this.way.arrived;
    const next = coming(stage);
    if (previous !== undefined && before !== undefined && !sameTuple(before, next)) {
      this.connection.doubt(
        `between ${sourceOf(before)} → ${destinationOf(before)} and ${sourceOf(next)} → ${destinationOf(next)} a rewrite was not seen`,
      );
    }
  }

  private deviceHop({ at, devices, tuple }: Crossing): Hop {
    const hop = this.hop('device', devices.netns, undefined, false);
    const inDevice = devices.in === 0 ? undefined : this.knowledge.device(devices.netns, devices.in);
    setDevice(hop, inDevice, devices.outName);
    hop.before = ends(tuple);
    hop.after = hop.before;
    return this.finish(hop, at, true);
  }

  /**
   * A hop up to where the fields differ. Fields are set one by one, in the order in which they are printed:
   * there are a dozen hops a request, and object spreads cost more than all else in them.
   */
  private hop(kind: HopKind, netns: NetnsId, hook: Hook | undefined, hookObserved: boolean): Hop {
    const hop: Unfinished = { leg: 0, kind };
    const place = this.knowledge.place(netns, this.connection.firstAt);
    if (place?.node !== undefined) hop.node = place.node;
    const inum = inumOf(netns);
    hop.netns = place?.name === undefined ? { inum } : { inum, name: place.name };
    if (hook !== undefined) {
      hop.hook = hook;
      hop.hookObserved = hookObserved;
    }
    return hop as Hop;
  }

  private finish(hop: Hop, at: number | undefined, observed: boolean): Hop {
    const { beginningSeen, firstAt } = this.connection;
    if (at !== undefined && beginningSeen) hop.atMs = milliseconds(at - firstAt);
    hop.observed = observed;
    return hop;
  }
}

type Unfinished = Omit<Hop, 'observed'>;

function setDevice(hop: Hop, inDevice: string | undefined, outDevice: string | undefined): void {
  if (inDevice !== undefined)
    hop.device = outDevice === undefined ? { in: inDevice } : { in: inDevice, out: outDevice };
  else if (outDevice !== undefined) hop.device = { out: outDevice };
}

/** Microseconds are what the clock of the probes is good for. */
export const milliseconds = (ns: number): number => Math.round(ns / 1_000) / 1_000;

function ends(tuple: Tuple): Ends {
  return { src: sourceOf(tuple), dst: destinationOf(tuple) };
}
