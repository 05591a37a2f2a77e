/**
 * A connection as it grows: where its packets were seen, and the conntrack entries they crossed.
 */
import type {
  ConntrackView,
  DropEvent,
  IcmpErrorEvent,
  NetnsId,
  ProcessRef,
  RefusedEntryEvent,
} from '../events/event.ts';
import { invert, sameFlow, sameTuple } from '../events/tuple.ts';
import type { Protocol, Tuple } from '../events/tuple.ts';
import { Dialogue } from './dialogue.ts';
import type { RuleBook } from './knowledge.ts';
import type { Making } from './makings.ts';
import type { Endpoint, State } from './request.ts';
import { UNTROUBLED } from './trouble.ts';
import type { Trouble } from './trouble.ts';

/** A conntrack entry that the connection crossed. */
export interface Entry {
  netns: NetnsId;
  zone: number;
  /** IPS_* bits as last seen. */
  status: number;
  masqueradeIndex: number;
  original: Tuple;
  reply: Tuple;
  /** Made by a packet of the answer's direction (tracking began, or began again, in mid-stream). */
  flipped: boolean;
  /** Read from the table at start, not from a packet. */
  read: boolean;
  /** The rules in force when it was made. */
  rules: RuleBook | undefined;
  /** What the kernel told of its making, where it is asked. */
  making: Making | undefined;
}

/** The devices of a crossing: one object for all packets that take them, since there are few pairs of devices. */
export interface Devices {
  readonly netns: NetnsId;
  /** The device it leaves by. */
  readonly out: number;
  readonly outName: string;
  /** The one it came in by; 0: sent from here. */
  readonly in: number;
}

/** A packet of the connection leaving by a device. */
export interface Crossing {
  at: number;
  devices: Devices;
  tuple: Tuple;
  entry: Entry | undefined;
}

export type Direction = 'forward' | 'reply';

/** A packet of the connection that was dropped or refused. */
export interface Mishap {
  direction: Direction;
  event: DropEvent | IcmpErrorEvent;
  rules: RuleBook | undefined;
}

/** Where a reset was seen first: on one kernel that is where it was made. */
export interface Reset {
  direction: Direction;
  at: number;
  netns: NetnsId;
  device: string;
  tuple: Tuple;
  /** Sent from there, not passed on. */
  sentHere: boolean;
}

/** What ended it. */
export interface Ending {
  readonly finForward: boolean;
  readonly finReply: boolean;
  readonly reset: Reset | undefined;
  readonly dialFailed: { at: number; error: number } | undefined;
}

export interface Delivery {
  at: number;
  netns: NetnsId;
  /** As it stood when it was delivered: the source is what getpeername() gives. */
  tuple: Tuple;
  process: ProcessRef | undefined;
}

/** Shared by all, since most connections have none of most, and there are many connections. */
const NONE: readonly never[] = [];
const ONGOING: Ending = { finForward: false, finReply: false, reset: undefined, dialFailed: undefined };

const MAX_CROSSINGS = 64;
const MAX_MISHAPS = 8;
const MAX_ENTRIES = 32;

export class Connection {
  readonly protocol: Protocol;
  /** As it was first seen; what it is told by stays the same whatever comes to be known. */
  readonly firstSeen: Tuple;
  /** The first packet's tuple, before any rewrite that was seen: client and the address it dialled. */
  client: Tuple;
  /** The namespace in which it was first seen. */
  origin: NetnsId;
  /** Client's initial sequence number (SCTP: initiate tag); -1 where there is none or it was not seen. */
  isn: number;
  /** Time of the first packet; of the trace's first knowledge where the beginning was not seen. */
  firstAt: number;
  lastAt: number;
  /** Started before the trace, or its first packet was missed. */
  beginningSeen: boolean;
  /** Forward packets of the attempt that counts, in order of time. */
  forward: readonly Crossing[] = NONE;
  reply: readonly Crossing[] = NONE;
  entries: readonly Entry[] = NONE;
  mishaps: readonly Mishap[] = NONE;
  delivery: Delivery | undefined;
  /** Conntrack had no entry for its packet. */
  entryRefused: RefusedEntryEvent | undefined;
  dialler: ProcessRef | undefined;
  /** An answer was seen, or its entry's status says that there was one. */
  answered = false;
  ending: Ending = ONGOING;
  trouble: Trouble = UNTROUBLED;
  /** It lived at a level of detail at which answers are not watched: silence tells nothing. */
  unwatched = false;
  /** An answer may be among events that were lost, and nothing says that none came: silence tells nothing. */
  unheard = false;
  retransmits = 0;
  /** Ties that rest on less than proof, in words. */
  doubts: readonly string[] = NONE;
  /** Events lost before it began; what was lost since may have hit it. */
  readonly lostBefore: number;
  /** Events lost in bulk before the client asked last, which tells that nothing had been answered until then. */
  lostAsked: number;
  /** State given out, if it was given out already. */
  emitted: State | undefined;
  /** When it ended, for the settling time; 0 while it goes on. */
  endedAt = 0;
  /** Under which the table finds it. */
  flowKeys: readonly string[] = NONE;
  /** What was said on it, where heads of it were seen. */
  dialogue: Dialogue | undefined;
  /** Names as last told, for when the time of its beginning is no longer remembered. */
  names: Map<string, Endpoint> | undefined;

  constructor(first: {
    client: Tuple;
    origin: NetnsId;
    at: number;
    isn: number;
    beginningSeen: boolean;
    lostBefore: number;
    lostAsked: number;
  }) {
    const { client, origin, at, isn, beginningSeen, lostBefore, lostAsked } = first;
    this.protocol = client.protocol;
    this.firstSeen = client;
    this.client = client;
    this.origin = origin;
    this.isn = isn;
    this.firstAt = at;
    this.lastAt = at;
    this.beginningSeen = beginningSeen;
    this.lostBefore = lostBefore;
    this.lostAsked = lostAsked;
  }

  entryIn(netns: NetnsId, zone: number, original: Tuple): Entry | undefined {
    for (const entry of this.entries) {
      if (entry.netns === netns && entry.zone === zone && sameFlow(entry.original, original)) return entry;
    }
    return undefined;
  }

  /** Adds an entry that a packet showed. */
  enter(netns: NetnsId, view: ConntrackView, direction: Direction, rules: RuleBook | undefined): Entry {
    const fromReply = view.info === 'established-reply' || view.info === 'related-reply';
    const entry: Entry = {
      netns,
      zone: view.zone,
      status: view.status,
      masqueradeIndex: view.masqueradeIndex,
      // Mostly the client's own tuple: one object for both.
      original: sameTuple(view.original, this.client) ? this.client : view.original,
      reply: view.reply,
      flipped: fromReply !== (direction === 'reply'),
      read: false,
      rules,
      making: undefined,
    };
    if (this.entries.length < MAX_ENTRIES) this.entries = append(this.entries, entry);
    return entry;
  }

  /** @returns false where this device and direction were known already */
  cross(direction: Direction, crossing: Crossing): boolean {
    const list = direction === 'forward' ? this.forward : this.reply;
    for (const known of list) {
      if (known.devices.out === crossing.devices.out && known.devices.netns === crossing.devices.netns) {
        // A retransmit over the same way; or the same packet, translated meanwhile inside a bridge.
        if (known.tuple !== crossing.tuple) known.tuple = crossing.tuple;
        known.entry ??= crossing.entry;
        return false;
      }
    }
    if (list.length >= MAX_CROSSINGS) return false;
    if (direction === 'forward') this.forward = append(list, crossing);
    else this.reply = append(list, crossing);
    return true;
  }

  /**
   * The first packet is sent once more: what it crosses from then on is the way that counts.
   * @param before its crossing here when it was sent before. Where it passed by then is still its way: it came from
   *   there, though nothing was told of it this time.
   */
  retry(since: number, before: Crossing | undefined): void {
    this.retransmits++;
    const here = before === undefined ? 0 : this.forward.indexOf(before);
    this.forward = this.forward.filter((crossing, i) => i < here || crossing.at >= since);
    this.entries = this.entries.filter((entry) => (entry.status & IPS_CONFIRMED) !== 0);
  }

  /** Whether its packets were seen where they are sent; if not, others may have passed them on before. */
  get sourceSeen(): boolean {
    return this.forward.some((crossing) => crossing.devices.in === 0);
  }

  speak(): Dialogue {
    return (this.dialogue ??= new Dialogue(this));
  }

  doubt(words: string): void {
    if (!this.doubts.includes(words)) this.doubts = append(this.doubts, words);
  }

  ends(how: Partial<Ending>): void {
    this.ending = { ...this.ending, ...how };
  }

  meets(trouble: Partial<Trouble>): void {
    this.trouble = { ...this.trouble, ...trouble };
  }

  suffer(mishap: Mishap): void {
    this.mishaps = [...this.mishaps.slice(0, MAX_MISHAPS - 1), mishap];
  }
}

/** An array grown by push() or a spread keeps room for sixteen more, which is most of a small connection. */
export function append<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : list.concat([item]);
}

export const IPS_CONFIRMED = 0x8;

/** The tuple of forward packets as they leave the namespace, and as they came. */
export function afterNat(entry: Entry): Tuple {
  return entry.flipped ? entry.original : invert(entry.reply);
}
export function beforeNat(entry: Entry): Tuple {
  return entry.flipped ? invert(entry.reply) : entry.original;
}
