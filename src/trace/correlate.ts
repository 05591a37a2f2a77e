/**
 * Which connection a packet belongs to, by the strongest evidence there is; and what the packet adds to it.
 */
import type {
  ConntrackView,
  DropEvent,
  EntryEvent,
  IcmpErrorEvent,
  LostEvent,
  NatEvent,
  NetnsId,
  PacketEvent,
  EntryGoneEvent,
  RefusedEntryEvent,
  RetransmitEvent,
  SocketEvent,
  VerdictEvent,
} from '../events/event.ts';
import type { HeadEvent } from '../events/head.ts';
import { invert, sameFlow, sameTuple } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { afterNat, append, beforeNat, Connection, IPS_CONFIRMED } from './connection.ts';
import type { Crossing, Devices, Direction, Entry } from './connection.ts';
import type { Knowledge } from './knowledge.ts';
import { DevicePairs } from './device-pairs.ts';
import { flowKey } from './flow-key.ts';
import { isDatagram, isRefusalError, UNANSWERED_NS } from './lifecycle.ts';
import { Losses } from './losses.ts';
import { Makings } from './makings.ts';
import { knownIn } from './table.ts';
import type { Held, Table } from './table.ts';
import { isAcknowledged, stallAfter, UNTROUBLED } from './trouble.ts';
import { leadsTo } from './way.ts';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
/** SCTP chunk types (RFC 9260, 3.2). */
const INIT = 1;
const INIT_ACK = 2;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_COMPLETE = 14;

/** RFC 792, RFC 4443. */
const ECHO_REPLY = 0;
const ECHO_REPLY6 = 129;
const REDIRECT = 5;
const REDIRECT6 = 137;

const IPS_ASSURED = 0x4;
/** IPS_SEEN_REPLY | IPS_ASSURED */
const IPS_ANSWERED = 0x6;

/** A first packet seen again on the same device later than this was sent again (RTO_MIN is 200 ms). */
const RETRY_NS = 150_000_000;
/** Tuples used again after this long belong to somebody else (TCP's SYNs give up after 127 s). */
const SYN_LIFE_NS = 130_000_000_000;
/** The probes say a flow again after so long: what began before the trace is seen within it. */
const FLOW_PAUSE_NS = 6_000_000_000;
/** How long a packet may be on its way between two sightings that only the tuple ties. */
const TRANSIT_NS = 2_000_000_000;
/** How long an answer may be in coming: so long conntrack waits for one to a datagram (nf_conntrack_udp_timeout). */
const ANSWER_NS = 30_000_000_000;
/** Packets without an entry that no drop was told of yet. */
const MAX_REFUSED = 1_024;

export class Correlator {
  private readonly table: Table;
  private readonly devices = new DevicePairs();
  private readonly knowledge: Knowledge;
  private readonly makings = new Makings();
  /** By flow, until the drop is told that follows. */
  private readonly refusedEntries = new Map<string, RefusedEntryEvent>();
  readonly losses = new Losses();
  /**
   * Of these, what is lost in bulk: it may hold all sightings of an answer, so that silence tells nothing. What the
   * kernel skips is one here and there, all day long on a busy node, and the connection's next packet makes good for it.
   */
  readonly gaps = new Losses();
  /** When the probes began to tell; unknown until they do. */
  startedAt = -Infinity;

  constructor(table: Table, knowledge: Knowledge) {
    this.table = table;
    this.knowledge = knowledge;
  }

  /** @returns the connection that the packet added to; undefined where it tells nothing */
  packet(event: PacketEvent): Connection | undefined {
    const found = isOpening(event) ? this.opening(event) : this.following(event);
    if (found === undefined) return undefined;
    this.add(found.connection, found.direction, event);
    return found.connection;
  }

  mishap(event: DropEvent | IcmpErrorEvent): Connection | undefined {
    if (event.kind === 'drop' && isHarmless(event)) return undefined;
    const tuple = event.kind === 'drop' ? event.tuple : event.about;
    const found = this.ofMishap(event, tuple);
    if (found === undefined) return undefined;
    const { connection, direction } = found;
    const rules = this.knowledge.rules(event.netns);
    connection.lastAt = event.at;
    connection.suffer({ direction, event, rules });
    // The client's own host has no socket any more for the answer: so there was one.
    if (direction === 'reply' && event.kind === 'icmp-error' && isDatagram(tuple.protocol)) {
      connection.answered = true;
    }
    const refused = this.refusedEntries.get(flowKey(event.conntrack?.original ?? tuple));
    if (refused?.netns === event.netns && event.at - refused.at < TRANSIT_NS)
      connection.entryRefused = refused;
    if (event.conntrack && event.kind === 'drop') {
      const holder = this.holderOf(event.conntrack, event.netns, connection);
      if (holder === undefined) this.see(connection, event.netns, event.conntrack, direction);
      else connection.meets({ clash: { tuple: event.conntrack.reply, holder: holder.client } });
    }
    return connection;
  }

  lost({ at, count, where }: LostEvent): void {
    this.losses.add(at, count);
    if (where !== 'skipped') this.gaps.add(at, count);
  }

  /** What the kernel tells of an entry; the packet that shows it comes later, as a rule. */
  making(event: NatEvent | VerdictEvent): Connection | undefined {
    const making = this.makings.take(event);
    const { netns, zone, original } = making;
    for (const connection of this.table.withTuple(original)) {
      const entry = connection.entryIn(netns, zone, original);
      if (entry === undefined || entry.read) continue;
      entry.making = making;
      return connection;
    }
    return undefined;
  }

  entryRefused(event: RefusedEntryEvent): Connection | undefined {
    const found = this.closest(event, event.tuple, false);
    if (found !== undefined) {
      found.entryRefused = event;
      return found;
    }
    if (this.refusedEntries.size >= MAX_REFUSED) this.refusedEntries.clear();
    this.refusedEntries.set(flowKey(event.tuple), event);
    return undefined;
  }

  entryGone(event: EntryGoneEvent): Connection | undefined {
    const { netns, zone, original } = event;
    const found = this.table.withTuple(original).find((c) => c.entryIn(netns, zone, original) !== undefined);
    found?.meets({ gone: event });
    return found;
  }

  /**
   * The other connection that has the tuple which an entry would have had that was not confirmed: two became one by
   * translation, and the first is kept (__nf_conntrack_confirm).
   */
  private holderOf(view: ConntrackView, netns: NetnsId, mine: Connection): Connection | undefined {
    if (view.info !== 'new' || (view.status & IPS_CONFIRMED) !== 0) return undefined;
    const holds = (e: Entry): boolean =>
      e.netns === netns &&
      e.zone === view.zone &&
      sameTuple(e.reply, view.reply) &&
      (e.status & IPS_CONFIRMED) !== 0;
    return this.table.withTuple(view.reply).find((other) => other !== mine && other.entries.some(holds));
  }

  socket(event: SocketEvent): Connection | undefined {
    const { tuple, netns, at } = event;
    const found = this.closest(event, tuple, event.what === 'dial-failed');
    if (found === undefined) return undefined;
    found.lastAt = at;
    if (event.what === 'dial-failed') {
      found.ends({ dialFailed: { at, error: event.error } });
      found.dialler ??= event.process;
      // What was sent as an answer never came to it: the socket was still waiting for one.
      if (found.answered && !isSpokenOn(found)) found.meets({ untaken: true });
    } else if (this.directionOf(found, netns, tuple) === 'forward') {
      found.delivery ??= { at, netns, tuple, process: event.process };
    }
    return found;
  }

  retransmit(event: RetransmitEvent): Connection | undefined {
    const found = this.closest(event, event.tuple, true);
    if (found === undefined) return undefined;
    found.retransmits++;
    found.lostAsked = this.gaps.before(event.at);
    found.lastAt = event.at;
    const direction = this.directionOf(found, event.netns, event.tuple);
    const stall = stallAfter(found.trouble.stall, direction, event);
    if (stall !== found.trouble.stall) found.meets({ stall });
    return found;
  }

  /**
   * A message's head, seen somewhere on its connection's way.
   * @returns undefined where that is not known: it began before the trace, and the head does not say which address was
   *   rewritten before it was seen; or this is a sighting halfway through a rewrite, and there are others
   */
  head(event: HeadEvent): Connection | undefined {
    const { at, netns, tuple, message } = event;
    const asks = message.what === 'dns' ? !message.response : message.what !== 'http-response';
    const connection = this.closest(event, tuple, false);
    if (connection === undefined) return undefined;
    connection.lastAt = at;
    if (connection.trouble !== UNTROUBLED) {
      goesOn(connection, asks ? undefined : 'forward', at);
      acknowledges(connection, asks ? 'forward' : 'reply', event.ack);
    }
    if (!asks) connection.answered = true;
    // Where it has arrived it was delivered, though nothing else was seen of it there.
    else if (this.isEnd(connection, netns, tuple)) {
      connection.delivery ??= { at, netns, tuple, process: undefined };
    }
    return connection;
  }

  /**
   * A pod's own address, which is not rewritten there: nodes pass on what is sent to their own. Where the answer was
   * seen at its source, that tells more.
   */
  private isEnd({ entries, reply, firstAt }: Connection, netns: NetnsId, tuple: Tuple): boolean {
    if (reply.some(({ devices }) => devices.in === 0)) return false;
    if (this.knowledge.place(netns, firstAt)?.role !== 'pod' || !this.knowledge.isLocal(netns, tuple.dst))
      return false;
    return entries.every((e) => e.netns !== netns || sameTuple(beforeNat(e), afterNat(e)));
  }

  /** An entry from the table at start: it joins the connection whose other entries it continues. */
  entry(event: EntryEvent): Connection | undefined {
    // Over already; the entry only waits for stray packets.
    if (event.state === 'TIME_WAIT' || event.state === 'CLOSE') return undefined;
    const entry: Entry = {
      netns: event.netns,
      zone: event.zone,
      status: event.replied ? IPS_ANSWERED : 0,
      masqueradeIndex: 0,
      original: event.original,
      reply: event.reply,
      flipped: false,
      read: true,
      rules: this.knowledge.rules(event.netns),
      making: undefined,
    };
    const connection = this.continued(entry) ?? this.begin(event.original, event, -1, false);
    const leads = connection.entries.some((e) => sameTuple(afterNat(entry), beforeNat(e)));
    if (leads) {
      connection.entries = [entry, ...connection.entries];
      connection.client = event.original;
      connection.origin = event.netns;
    } else connection.entries = append(connection.entries, entry);
    if (connection.entries.length > 1) {
      connection.doubt('entries of the conntrack tables joined by their addresses and ports only');
    }
    if (event.replied) connection.answered = true;
    this.table.learnTuple(event.original, connection);
    this.table.learnTuple(event.reply, connection);
    return connection;
  }

  private continued(entry: Entry): Connection | undefined {
    const near = [...this.table.withTuple(entry.original), ...this.table.withTuple(entry.reply)];
    return near.find(
      (c) =>
        !c.beginningSeen &&
        c.entries.every((e) => e.read && e.netns !== entry.netns) &&
        c.entries.some(
          (e) => sameTuple(afterNat(e), entry.original) || sameTuple(afterNat(entry), e.original),
        ),
    );
  }

  /** SYN, SYN-ACK, INIT, INIT ACK: identity is the client's initial sequence number. */
  private opening(event: PacketEvent): Found | undefined {
    const answer = isAnswer(event);
    const isn = answer ? (event.tuple.protocol === 'sctp' ? event.ack : (event.ack - 1) >>> 0) : event.seq;
    const direction: Direction = answer ? 'reply' : 'forward';
    let last: Connection | undefined;
    for (const candidate of this.table.withIsn(isn)) {
      if (candidate.protocol !== event.tuple.protocol || event.at - candidate.firstAt > SYN_LIFE_NS) continue;
      if (this.continues(candidate, event)) return { connection: candidate, direction };
      last = candidate;
    }
    // Same number, other addresses: rewritten where nothing was seen. Four thousand million to one.
    if (last !== undefined && event.at - last.lastAt < TRANSIT_NS && (answer || event.inIfindex !== 0)) {
      last.doubt('addresses changed between two sightings; joined by the initial sequence number');
      return { connection: last, direction };
    }
    const first = answer ? invert(event.tuple) : event.tuple;
    const connection = this.begin(event.conntrack?.original ?? first, event, isn, !answer);
    return { connection, direction };
  }

  private following(event: PacketEvent): Found | undefined {
    const { tuple, flags } = event;
    const ends = tuple.protocol === 'tcp' && (flags & (FIN | RST)) !== 0;
    if (ends && (flags & RST) !== 0 && (flags & ACK) !== 0) {
      // A refusal acknowledges the SYN, whatever was translated on the way (RFC 9293, 3.10.7.1).
      const refused = this.table.withIsn((event.ack - 1) >>> 0).find((c) => this.continues(c, event));
      if (refused !== undefined) return { connection: refused, direction: 'reply' };
      if (refusesSyn(event)) {
        // The SYN came in from where nothing is traced, and left by no device.
        const client = event.conntrack?.original ?? invert(tuple);
        return { connection: this.begin(client, event, (event.ack - 1) >>> 0, true), direction: 'reply' };
      }
    }
    const held = this.heldBy(event);
    if (held?.connection.protocol === tuple.protocol && this.continues(held.connection, event)) {
      return { connection: held.connection, direction: this.directionBy(held.connection, event, held) };
    }
    const known = this.closest(event, tuple, event.inIfindex === 0) ?? this.byEntry(event);
    if (known !== undefined) return { connection: known, direction: this.directionBy(known, event) };
    const ended = tuple.protocol === 'sctp' && flags !== INIT;
    if (ends || ended) return undefined;
    return this.unknown(event);
  }

  /** The packet in the event's buffer as it was last seen, unless the buffer serves another packet by now. */
  private heldBy({ skb, at, netns, inIfindex }: PacketEvent | DropEvent): Held | undefined {
    const held = this.table.inBuffer(skb, at);
    if (held === undefined || held.devices.netns === netns) return held;
    // What is sent from here was nowhere before; what came in came by the other end of its last device.
    if (inIfindex === 0) return undefined;
    const peer = this.knowledge.peer(held.devices.netns, held.devices.out);
    return peer === undefined || peer.netns === netns ? held : undefined;
  }

  /** A packet of a connection that nothing is known of: it begins here, or began before the trace. */
  private unknown(event: PacketEvent): Found {
    const view = event.conntrack;
    const told = view?.info === 'established-reply' || view?.info === 'related-reply';
    const guessed = view === undefined && this.seemsAnswer(event);
    const answer = told || guessed || isEchoReply(event);
    const old = event.tuple.protocol === 'tcp' || answer;
    const client = view?.original ?? (answer ? invert(event.tuple) : event.tuple);
    const connection = this.begin(client, event, -1, !old);
    if (guessed || this.mayBeAnswer(event)) {
      connection.doubt('which side asked was not seen: taken from the ports');
    }
    return { connection, direction: answer ? 'reply' : 'forward' };
  }

  /** A datagram whose forerunner may have been lost, and no entry tells its direction. */
  private mayBeAnswer({ tuple, at, conntrack }: PacketEvent): boolean {
    return tuple.protocol === 'udp' && conntrack === undefined && this.losses.isRecent(at);
  }

  /** A datagram seen first that may not be the first: the side with the lower port is the one that is asked. */
  private seemsAnswer({ netns, tuple, at, inIfindex }: PacketEvent): boolean {
    if (tuple.protocol !== 'udp' || tuple.sport >= tuple.dport) return false;
    if (this.losses.isRecent(at)) return true;
    const isYoung = at - this.startedAt < FLOW_PAUSE_NS;
    return isYoung && inIfindex === 0 && this.knowledge.listener(netns, invert(tuple)) !== undefined;
  }

  private byEntry(event: PacketEvent): Connection | undefined {
    const view = event.conntrack;
    if (view === undefined || sameFlow(view.original, event.tuple)) return undefined;
    return this.closest(event, view.original, event.inIfindex === 0);
  }

  /** Whether the packet can be the connection's: its tuple, or its entry's, was seen before it. */
  private continues(connection: Connection, event: PacketEvent): boolean {
    const { tuple, conntrack } = event;
    if (hasFlow(connection, tuple)) return true;
    if (conntrack === undefined) return false;
    return hasFlow(connection, conntrack.original) || hasFlow(connection, conntrack.reply);
  }

  /**
   * The connection with this tuple in this namespace; else the one that has it elsewhere and can have come
   * here.
   * @param sentHere the packet began its way in this namespace
   */
  private closest(seen: Seen, tuple: Tuple, sentHere: boolean): Connection | undefined {
    const { netns, at } = seen;
    const candidates = this.table.withTuple(tuple);
    const reaching: Connection[] = [];
    for (let i = candidates.length - 1; i >= 0; i--) {
      const candidate = candidates[i] as Connection;
      if (knownIn(candidate, netns, tuple)) return candidate;
      if (this.mayReach(candidate, netns, tuple, at, sentHere)) reaching.push(candidate);
    }
    const neighbours = reaching.filter((c) => this.isNeighbour(c, seen));
    const [neighbour] = neighbours;
    if (neighbour !== undefined && neighbours.length === 1) return neighbour;
    const [only] = reaching;
    if (only === undefined || reaching.length !== 1) return undefined;
    // It may be the one that was lost: of two networks with equal addresses the other is left.
    if (this.losses.total > only.lostBefore) return undefined;
    only.doubt(TUPLE_ALONE);
    return only;
  }

  private mayReach(
    connection: Connection,
    netns: NetnsId,
    tuple: Tuple,
    at: number,
    sentHere: boolean,
  ): boolean {
    // A packet has one origin: what is sent from here was not sent from elsewhere.
    const direction = this.directionOf(connection, netns, tuple);
    const seen = direction === 'forward' ? connection.forward : connection.reply;
    if (sentHere && seen.some((c) => c.devices.in === 0 && c.devices.netns !== netns)) return false;
    if (connection.entries.some((e) => e.read)) return true;
    return at - connection.lastAt < (direction === 'reply' ? ANSWER_NS : TRANSIT_NS);
  }

  /** Whether a device that the connection crossed leads here, or the one it leaves by now to where it was. */
  private isNeighbour({ forward, reply, entries }: Connection, { netns, ifindex = 0 }: Seen): boolean {
    const leadsHere = ({ devices }: Crossing): boolean =>
      this.knowledge.peer(devices.netns, devices.out)?.netns === netns;
    if (forward.some(leadsHere) || reply.some(leadsHere)) return true;
    const next = ifindex === 0 ? undefined : this.knowledge.peer(netns, ifindex)?.netns;
    if (next === undefined) return false;
    const wasThere = ({ devices }: Crossing): boolean => devices.netns === next;
    return entries.some((e) => e.netns === next) || forward.some(wasThere) || reply.some(wasThere);
  }

  private directionBy(connection: Connection, event: PacketEvent, held?: Held): Direction {
    const { netns, tuple, conntrack } = event;
    if (conntrack === undefined) return this.directionOf(connection, netns, tuple);
    const { info, zone, original } = conntrack;
    const answers = info === 'established-reply' || info === 'related-reply';
    const entry = connection.entryIn(netns, zone, original);
    if (entry === undefined && !hasFlow(connection, original)) {
      // What it was before this entry's rewrite was not seen; the packet in the same buffer went the same way.
      if (hasFlow(connection, tuple)) return this.directionOf(connection, netns, tuple);
      if (held !== undefined) return this.directionOf(connection, held.devices.netns, held.tuple);
    }
    const flipped = entry?.flipped ?? this.directionOf(connection, netns, original) === 'reply';
    return answers !== flipped ? 'reply' : 'forward';
  }

  private directionOf(connection: Connection, netns: NetnsId, tuple: Tuple): Direction {
    for (const c of connection.forward) {
      if (sameTuple(c.tuple, tuple)) return 'forward';
      if (sameTuple(c.tuple, invert(tuple))) return 'reply';
    }
    for (const c of connection.reply) {
      if (sameTuple(c.tuple, tuple)) return 'reply';
      if (sameTuple(c.tuple, invert(tuple))) return 'forward';
    }
    for (const e of connection.entries) {
      if (sameTuple(beforeNat(e), tuple) || sameTuple(afterNat(e), tuple)) return 'forward';
      if (sameTuple(invert(afterNat(e)), tuple) || sameTuple(invert(beforeNat(e)), tuple)) return 'reply';
    }
    return sameTuple(connection.client, tuple) ? 'forward' : 'reply';
  }

  private ofMishap(event: DropEvent | IcmpErrorEvent, tuple: Tuple): Found | undefined {
    if (event.kind === 'drop' && tuple.protocol === 'tcp' && (event.flags & SYN) !== 0) {
      const answer = (event.flags & ACK) !== 0;
      const isn = answer ? (event.ack - 1) >>> 0 : event.seq;
      const direction: Direction = answer ? 'reply' : 'forward';
      const tied = this.table.withIsn(isn).at(-1) ?? this.refusedBefore(event, isn);
      if (tied !== undefined) return { connection: tied, direction };
      if (answer) return undefined;
      // Dropped before it left by any device: this is the first that is seen of it.
      const connection = this.begin(event.conntrack?.original ?? tuple, event, isn, true);
      connection.dialler = event.process;
      return { connection, direction };
    }
    if (event.kind === 'drop') {
      const held = this.heldBy(event);
      if (held !== undefined && sameFlow(held.tuple, tuple)) {
        return {
          connection: held.connection,
          direction: this.directionOf(held.connection, event.netns, tuple),
        };
      }
    }
    const original = event.conntrack?.original;
    const known = this.closest(event, tuple, false) ?? (original && this.closest(event, original, false));
    if (known !== undefined) {
      return { connection: known, direction: this.directionOf(known, event.netns, tuple) };
    }
    if (event.kind === 'icmp-error') {
      // REJECT sends the error before it drops the packet, which may be the first that is seen of it.
      if (event.inIfindex !== 0 || !isRefusalError(event) || fromServer(tuple)) return undefined;
      const waiting = this.waiting(tuple, event.at);
      if (waiting !== undefined) return { connection: waiting, direction: 'forward' };
      return { connection: this.begin(original ?? tuple, event, -1, true), direction: 'forward' };
    }
    // A drop in mid-stream of what is not known: nobody to tell it to.
    if (tuple.protocol === 'tcp') return undefined;
    if (event.conntrack !== undefined && event.conntrack.info !== 'new') return undefined;
    return { connection: this.begin(original ?? tuple, event, -1, true), direction: 'forward' };
  }

  /** Who finds no neighbour says so seconds later, of what never left by a device there. */
  private waiting(tuple: Tuple, at: number): Connection | undefined {
    const [only, ...others] = this.table
      .withTuple(tuple)
      .filter((c) => !c.answered && at - c.firstAt < SYN_LIFE_NS && c.lostBefore === this.losses.total);
    return others.length === 0 ? only : undefined;
  }

  /** The connection that an ICMP error began just before its SYN was dropped. */
  private refusedBefore(event: DropEvent, isn: number): Connection | undefined {
    const known = this.closest(event, event.conntrack?.original ?? event.tuple, false);
    if (known === undefined || known.isn >= 0 || known.forward.length > 0) return undefined;
    if (known.mishaps.every((m) => m.event.kind !== 'icmp-error')) return undefined;
    this.table.learnIsn(isn, known);
    known.dialler ??= event.process;
    return known;
  }

  private begin(
    client: Tuple,
    { netns, at }: { netns: NetnsId; at: number },
    isn: number,
    beginningSeen: boolean,
  ): Connection {
    const connection = new Connection({
      client,
      origin: netns,
      at,
      isn,
      beginningSeen,
      lostBefore: this.losses.before(at),
      lostAsked: this.gaps.before(at),
    });
    this.table.add(connection);
    return connection;
  }

  private add(connection: Connection, direction: Direction, event: PacketEvent): void {
    const { at, netns, inIfindex, conntrack } = event;
    connection.lastAt = at;
    if (direction === 'forward' && isDisowning(connection, event)) {
      connection.meets({ untaken: true, disowned: { at, netns, tuple: event.tuple } });
      return;
    }
    if (direction === 'forward' && isOpening(event)) this.noteRetry(connection, event);
    if (direction === 'forward' && inIfindex === 0 && !connection.sourceSeen) {
      // Where it is sent nothing has rewritten it yet, whatever was seen first of it.
      connection.client = conntrack?.original ?? event.tuple;
      connection.origin = netns;
    }
    const entry = conntrack && this.see(connection, netns, conntrack, direction);
    // A RST is a reply as well: for TCP only ASSURED says that there was more than that.
    const answeredBits = event.tuple.protocol === 'tcp' ? IPS_ASSURED : IPS_ANSWERED;
    if (entry !== undefined && (entry.status & answeredBits) !== 0) connection.answered = true;
    const tuple = this.shared(connection, event.tuple);
    const devices = this.devices.of(event);
    if (this.hasPlace(connection, direction, devices, event)) {
      connection.cross(direction, { at, devices, tuple, entry });
    }
    if (event.tuple.protocol !== 'tcp') {
      this.table.learnBuffer(event.skb, { connection, at, tuple, devices });
    }
    if (inIfindex === 0 && direction === 'forward') connection.dialler ??= event.process;
    this.note(connection, direction, event);
  }

  /**
   * Whether it is known where on the way the devices stand. The first packet shows the way in order; of a later
   * one, which shows what was lost of the first, only the devices next to known ones have a place.
   */
  private hasPlace(
    connection: Connection,
    direction: Direction,
    devices: Devices,
    event: PacketEvent,
  ): boolean {
    if (this.losses.total === connection.lostBefore || isOpening(event) || devices.in === 0) return true;
    const known = connection[direction];
    if (known.length === 0 || this.table.inBuffer(event.skb, event.at)?.connection === connection)
      return true;
    return known.some(
      (one) =>
        one.devices === devices ||
        leadsTo(one.devices, devices, this.knowledge) ||
        leadsTo(devices, one.devices, this.knowledge),
    );
  }

  private see(connection: Connection, netns: NetnsId, view: ConntrackView, direction: Direction): Entry {
    const known = connection.entryIn(netns, view.zone, view.original);
    if (known === undefined) {
      this.table.learnTuple(view.original, connection);
      this.table.learnTuple(view.reply, connection);
      const entry = connection.enter(netns, view, direction, this.knowledge.rules(netns));
      entry.making = this.makings.of(netns, view);
      // Seen first behind a rewrite, its first sightings being lost or never made: here is what came before.
      if (!connection.sourceSeen && sameTuple(afterNat(entry), connection.client)) {
        connection.client = beforeNat(entry);
      }
      return entry;
    }
    if (!sameTuple(known.reply, view.reply)) {
      // Translated further on its way (a bridge with br_netfilter), or anew for a packet sent again.
      this.table.learnTuple(view.reply, connection);
      known.reply = view.reply;
    }
    known.status = view.status;
    known.read = false;
    known.making = this.makings.of(netns, view) ?? known.making;
    if (view.masqueradeIndex !== 0) known.masqueradeIndex = view.masqueradeIndex;
    return known;
  }

  private note(connection: Connection, direction: Direction, event: PacketEvent): void {
    const { at, flags, tuple } = event;
    const tcp = tuple.protocol === 'tcp';
    const sctp = tuple.protocol === 'sctp';
    if (tcp && (flags & ACK) !== 0) acknowledges(connection, direction, event.ack);
    if ((tcp && (flags & RST) !== 0) || (sctp && flags === ABORT)) {
      if (connection.ending.reset === undefined) {
        const { netns, device, inIfindex } = event;
        connection.ends({ reset: { direction, at, netns, device, tuple, sentHere: inIfindex === 0 } });
      }
      // Told as standing still it is told once more, as ended.
      if (connection.trouble.stall !== undefined) connection.endedAt = 0;
      // What answers the SYN has its number; any other reset is of a connection that stood.
      if (tcp && direction === 'reply' && connection.isn >= 0) {
        // One with a number of its own answers a connection that stood, if the SYN-ACK may be what was lost.
        const stood = event.seq !== 0 && this.losses.total > connection.lostBefore;
        if (stood || !refuses(event, connection.isn)) connection.answered = true;
      }
      // Who dials and gives up sends none (RFC 9293, 3.10.4): the client resets what was answered.
      if (tcp && direction === 'forward' && sameTuple(tuple, connection.client)) connection.answered = true;
      return;
    }
    // A SYN that nobody answered is given up without FIN (RFC 9293, 3.10.4).
    const endsWell = tcp && (flags & FIN) !== 0;
    if (direction === 'reply' || endsWell) connection.answered = true;
    if (endsWell) {
      if (connection.trouble !== UNTROUBLED) goesOn(connection, direction, at);
      connection.ends(direction === 'forward' ? { finForward: true } : { finReply: true });
    }
    if (sctp && (flags === SHUTDOWN || flags === SHUTDOWN_COMPLETE)) {
      connection.ends({ finForward: true, finReply: true });
    }
  }

  private noteRetry(connection: Connection, event: PacketEvent): void {
    const { at, netns, ifindex } = event;
    const before = connection.forward.find(
      ({ devices }) => devices.netns === netns && devices.out === ifindex,
    );
    if (!this.isRetry(connection, event, before)) return;
    connection.retry(at - RETRY_NS, before);
    connection.lostAsked = this.gaps.before(at);
    // An answer to the last one may still be heard; one to those before was not.
    const untaken = connection.answered && at - connection.firstAt > UNANSWERED_NS && !isSpokenOn(connection);
    if (untaken) connection.meets({ untaken });
  }

  /** The first packet, where it was seen before or began before, and too late to be the same one. */
  private isRetry(
    { forward, lostBefore }: Connection,
    event: PacketEvent,
    before: Crossing | undefined,
  ): boolean {
    if (isAnswer(event)) return false;
    const tooLate = ({ at }: Crossing): boolean => event.at - at > RETRY_NS;
    if (before !== undefined) return tooLate(before);
    if (event.inIfindex === 0) return forward.some(tooLate);
    // Its sighting where it was sent, or here before, may be lost; otherwise it was only long on its way.
    return this.losses.total > lostBefore && forward.length > 0 && forward.every(tooLate);
  }

  /** Equal tuples are one object: there are several a connection, and many connections. */
  private shared(connection: Connection, tuple: Tuple): Tuple {
    if (sameTuple(connection.client, tuple)) return connection.client;
    for (const { original, reply } of connection.entries) {
      if (sameTuple(original, tuple)) return original;
      if (sameTuple(reply, tuple)) return reply;
    }
    for (const c of connection.forward) if (sameTuple(c.tuple, tuple)) return c.tuple;
    for (const c of connection.reply) if (sameTuple(c.tuple, tuple)) return c.tuple;
    this.table.learnTuple(tuple, connection);
    return tuple;
  }
}

/** More was seen of it than SYN and SYN-ACK: who asked has the answer. */
const isSpokenOn = ({ ending, dialogue }: Connection): boolean =>
  ending.finForward || ending.finReply || dialogue !== undefined;

/**
 * Who asked has the answer by now: it asks or ends, or was answered. And what stood still goes on: a FIN behind it is
 * sent only when it was acknowledged, and is not answered before it has come.
 */
function goesOn(connection: Connection, progress: Direction | undefined, at: number): void {
  const { stall, untaken } = connection.trouble;
  if (untaken) connection.meets({ untaken: false });
  if (stall === undefined) return;
  // Told as standing still it is told once more.
  connection.endedAt = 0;
  if (stall.direction === progress && at > stall.since) connection.meets({ stall: undefined });
}

/** What stood still has come: who has it says so with the next that it sends. */
function acknowledges(connection: Connection, direction: Direction, ack: number): void {
  const { stall } = connection.trouble;
  if (stall === undefined || stall.direction === direction || !isAcknowledged(stall, ack)) return;
  connection.endedAt = 0;
  connection.meets({ stall: undefined });
}

/** The client's host knows of no such connection: it dialled another address than the one that answers. */
function isDisowning({ client, origin }: Connection, event: PacketEvent): boolean {
  const { tuple, flags, inIfindex, netns, conntrack } = event;
  if (tuple.protocol !== 'tcp' || (flags & (RST | ACK)) !== RST) return false;
  return inIfindex === 0 && netns === origin && !sameTuple(conntrack?.original ?? tuple, client);
}

function isEchoReply({ tuple, flags }: PacketEvent): boolean {
  return tuple.protocol === 'icmp' && (flags === ECHO_REPLY || flags === ECHO_REPLY6);
}

/**
 * An ICMP message that was dropped and tells nothing. Echo replies go to sockets by another way, and are freed with this
 * reason too (icmp_rcv). A redirect is advice, which netfilter drops where it is about what it translates
 * (nf_nat_icmp_reply_translation).
 */
function isHarmless({ reason, tuple, flags }: DropEvent): boolean {
  if (tuple.protocol !== 'icmp') return false;
  return reason === 'NO_SOCKET' || flags === (tuple.src.includes(':') ? REDIRECT6 : REDIRECT);
}

const TUPLE_ALONE = 'sightings in several namespaces joined by addresses and ports only';

/** Where and when something was seen; by which device it leaves, if it does. */
interface Seen {
  readonly netns: NetnsId;
  readonly at: number;
  readonly ifindex?: number;
}

interface Found {
  connection: Connection;
  direction: Direction;
}

/** Whether the tuple, either way round, was seen of the connection anywhere. */
function hasFlow(connection: Connection, tuple: Tuple): boolean {
  if (sameFlow(connection.client, tuple)) return true;
  for (const { tuple: seen } of connection.forward) if (sameFlow(seen, tuple)) return true;
  for (const { tuple: seen } of connection.reply) if (sameFlow(seen, tuple)) return true;
  for (const { original, reply } of connection.entries) {
    if (sameFlow(original, tuple) || sameFlow(reply, tuple)) return true;
  }
  return false;
}

function isOpening({ tuple, flags }: PacketEvent): boolean {
  if (tuple.protocol === 'tcp') return (flags & SYN) !== 0;
  return tuple.protocol === 'sctp' && (flags === INIT || flags === INIT_ACK);
}

function isAnswer({ tuple, flags }: PacketEvent): boolean {
  return tuple.protocol === 'tcp' ? (flags & ACK) !== 0 : flags === INIT_ACK;
}

/** An answer by its ports: nobody asks from one of the well-known ones (RFC 6335, 6). */
const fromServer = ({ protocol, sport, dport }: Tuple): boolean =>
  protocol === 'udp' && sport < 1_024 && dport >= 1_024;

/** A reset acknowledges the SYN that it answers (RFC 9293, 3.10.7.1). */
function refuses({ flags, ack }: PacketEvent, isn: number): boolean {
  return (flags & ACK) !== 0 && (ack - 1) >>> 0 === isn;
}

/** An answer to a SYN where nothing listens: sequence number zero (RFC 9293, 3.10.7.1). */
function refusesSyn({ seq, inIfindex }: PacketEvent): boolean {
  return seq === 0 && inIfindex === 0;
}
