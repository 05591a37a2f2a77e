/**
 * Finds the messages in what one namespace's capture brings. Only segments that begin with a message, or end as a
 * head does, are captured; each of them at several interfaces, some cut, some out of order. So nothing here waits
 * for a stream to be whole: a segment is read where it begins, what belongs together is joined by its numbers, and
 * what stays without its end is told as cut.
 *
 * There is no clock: time is that of the segments and of `tick`.
 */
import type { NetnsId } from '../../events/event.ts';
import type { HeadEvent, HeadsMissedEvent, Message } from '../../events/head.ts';
import type { Tuple } from '../../events/tuple.ts';
import { Datagrams } from './datagrams.ts';
import { readDns, readDnsStream, speaksDns } from './dns.ts';
import { Flows, MAX_RUNS } from './flows.ts';
import type { Half, Run } from './flows.ts';
import { beginsMessage, readMessage } from './message.ts';
import { PROXY2 } from './proxy.ts';
import { MAX_HEAD_BYTES, matches } from './reading.ts';
import type { Found, Reading } from './reading.ts';
import { advance, distance } from './sequence.ts';

/** How long a head waits for its end: longer than a first retransmission takes (Linux: 200 ms). */
const HOLD_NS = 300_000_000;
/** All the bytes that wait, in all the namespace's flows. */
const MAX_HELD_BYTES = 1_048_576;
/** An acknowledgement farther ahead belongs to another connection with the same ports. */
const NEAR = 1 << 24;

const RETURN = 0x0d;
const NEWLINE = 0x0a;

/** A captured packet's payload. */
export interface Segment {
  readonly at: number;
  /** As it stands in the packet; `tcp` or `udp`. */
  readonly tuple: Tuple;
  /** TCP: number of the payload's first byte, and what is acknowledged. UDP: 0. */
  readonly seq: number;
  readonly ack: number;
  /** What was captured of the payload. May be used again once it was read: what is kept of it is copied. */
  readonly payload: Buffer;
  /** How long it was in the packet; more than was captured where the capture cuts packets. */
  readonly payloadBytes: number;
}

export interface AssemblerOptions {
  readonly keepQuery: boolean;
}

export class Assembler {
  private readonly netns: NetnsId;
  private readonly options: AssemblerOptions;
  private readonly tell: (event: HeadEvent | HeadsMissedEvent) => void;
  private readonly flows = new Flows(({ forward, back }) => {
    for (const run of [...forward.runs, ...back.runs]) this.giveUp(run);
  });
  private readonly datagrams = new Datagrams();
  /** In the order in which they began to wait. */
  private readonly held = new Set<Run>();
  private heldBytes = 0;
  private now = 0;
  private cut = 0;
  private unread = 0;

  constructor(
    netns: NetnsId,
    options: AssemblerOptions,
    tell: (event: HeadEvent | HeadsMissedEvent) => void,
  ) {
    this.netns = netns;
    this.options = options;
    this.tell = tell;
  }

  /** What is kept at the moment. */
  get stats(): { flows: number; heldBytes: number } {
    return { flows: this.flows.size, heldBytes: this.heldBytes };
  }

  push({ at, tuple, seq, ack, payload, payloadBytes }: Segment): void {
    this.advanceTo(at);
    if (payload.length === 0) return;
    if (tuple.protocol === 'udp') {
      this.datagram(at, tuple, payload, payloadBytes === payload.length);
      return;
    }
    const { half, other } = this.flows.of(tuple, at);
    this.acknowledged(other, ack);
    this.movedOn(half, seq, ack);

    const begin = half.read.beyond(seq);
    const skipped = distance(begin, seq);
    if (skipped >= payload.length) return;
    const bytes = skipped === 0 ? payload : payload.subarray(skipped);
    const segment: Run = { tuple, half, other, seq: begin, bytes, at, ack };
    const pieces = half.runs.length === 0 ? [segment] : this.touching(segment);
    this.read(pieces, segment, payloadBytes > payload.length);
  }

  /** Time has come so far: what waited long enough is told as cut, and what was missed is counted out. */
  tick(at: number): void {
    this.advanceTo(at);
    this.flows.forgetIdle(this.now);
    this.sayMissed();
  }

  /** Nothing more will come. */
  flush(): void {
    for (const run of this.held) this.giveUp(run);
    this.sayMissed();
  }

  private datagram(at: number, tuple: Tuple, payload: Buffer, complete: boolean): void {
    const message = readDns(payload, complete);
    if (message === undefined) this.unread++;
    else if (this.datagrams.isNew(tuple, message, at)) this.say(at, tuple, 0, 0, message);
  }

  private advanceTo(at: number): void {
    if (at > this.now) this.now = at;
    for (const run of this.held) {
      if (this.now - run.at <= HOLD_NS) break;
      this.giveUp(run);
    }
  }

  /** Whoever answers has what it acknowledges: what is not here by now was not captured. */
  private acknowledged(half: Half, ack: number): void {
    for (const run of half.runs) if (isSoonAfter(ack, endOf(run))) this.giveUp(run);
  }

  /** Whoever has had an answer since has sent what was answered. */
  private movedOn(half: Half, seq: number, ack: number): void {
    for (const run of half.runs) {
      if (isSoonAfter(ack, run.ack) && distance(seq, endOf(run)) > 0) this.giveUp(run);
    }
  }

  /** The segment and what waits and touches it, by their numbers; it waits no longer. */
  private touching(segment: Run): Run[] {
    const pieces = [segment];
    let from = segment.seq;
    let to = endOf(segment);
    for (let grown = true; grown;) {
      grown = false;
      for (const run of segment.half.runs) {
        if (distance(run.seq, to) > 0 || distance(endOf(run), from) < 0) continue;
        this.release(run);
        pieces.push(run);
        if (distance(run.seq, from) < 0) from = run.seq;
        if (distance(endOf(run), to) > 0) to = endOf(run);
        grown = true;
      }
    }
    return inLine(pieces.sort((a, b) => distance(a.seq, b.seq)));
  }

  /**
   * Reads the messages in pieces that touch.
   * @param segment the one of them that is new
   * @param snapped its end was cut off by the capture
   */
  private read(pieces: readonly Run[], segment: Run, snapped: boolean): void {
    const first = pieces[0] ?? segment;
    const { half } = first;
    const bytes = joined(pieces);
    let from = 0;
    let offset = 0;
    while (offset < bytes.length) {
      const seq = advance(first.seq, offset);
      const known = half.bodyFrom(seq) || distance(half.read.beyond(seq), seq);
      if (known > 0) {
        offset += known;
        continue;
      }
      const piece = pieces.findLast((candidate) => distance(seq, candidate.seq) >= 0) ?? first;
      if (half.isOpen(seq, piece.ack)) break;
      const begin = offset + blankLines(first, bytes, offset);
      if (begin > offset && half.read.has(advance(first.seq, begin))) {
        offset = begin;
        continue;
      }
      const reading = begin === bytes.length ? 'incomplete' : this.readAt(first, bytes, begin);
      if (reading === undefined) {
        if (offset === 0) {
          this.strange(pieces, bytes, segment, snapped);
          return;
        }
        if (begins(first, bytes.subarray(begin))) this.unread++;
        break;
      }
      if (reading === 'incomplete') {
        half.read.add(advance(first.seq, Math.min(from, offset)), seq);
        const run = { ...piece, seq, bytes: bytes.subarray(offset) };
        if (snapped) this.cutOff(run);
        else this.hold(run);
        return;
      }
      if (offset === 0 && begin > 0 && !half.read.has(advance(seq, -1))) {
        // What looks like empty lines may be the end of a head that was overtaken.
        this.hold({ ...first, bytes: bytes.subarray(0, begin) });
        from = begin;
      }
      const body = this.found(piece, advance(first.seq, begin), reading);
      if (body === undefined) break;
      offset = begin + reading.length + body;
    }
    half.read.add(advance(first.seq, from), advance(first.seq, bytes.length));
  }

  /** No message begins where these pieces do. */
  private strange(pieces: readonly Run[], bytes: Buffer, segment: Run, snapped: boolean): void {
    // What comes first may be the end of a message whose beginning was not captured, or was overtaken.
    for (let i = 1; i < pieces.length; i++) {
      if (!this.surelyBegins(pieces.slice(i))) continue;
      this.hold({ ...(pieces[0] ?? segment), bytes: joined(pieces.slice(0, i)) });
      this.read(pieces.slice(i), segment, snapped);
      return;
    }
    // Its own beginning may still come, if packets overtook each other.
    const first = pieces[0] ?? segment;
    const own = pieces.indexOf(segment);
    if (snapped || bytes.length >= MAX_HEAD_BYTES) this.cutOff({ ...first, bytes });
    else if (own > 0 && this.readAt(segment, segment.bytes, 0) === 'incomplete') {
      // Or that was the end, and the next one begins with these few bytes.
      this.hold({ ...first, bytes: joined(pieces.slice(0, own)) });
      this.hold({ ...segment, bytes: joined(pieces.slice(own)) });
    } else this.hold({ ...first, bytes });
  }

  private surelyBegins(pieces: readonly Run[]): boolean {
    const [first] = pieces;
    if (first === undefined) return false;
    const bytes = joined(pieces);
    const begin = blankLines(first, bytes, 0);
    const reading = this.readAt(first, bytes, begin);
    return reading === 'incomplete' ? begins(first, bytes.subarray(begin)) : reading !== undefined;
  }

  /** @returns bytes behind the head that are no message; undefined where it is not known where one may begin */
  private found(piece: Run, seq: number, { message, length, body }: Found): number | undefined {
    const { half, other } = piece;
    this.say(piece.at, piece.tuple, seq, piece.ack, message);
    let bytes = body;
    let sure = true;
    if (message.what === 'http-request') half.ask(message.method === 'HEAD', piece.ack);
    else if (message.what === 'http-response') {
      const isHead = other.answer(message.status >= 200);
      if (isHead === true && message.complete) bytes = 0;
      // Without the request it might be that of a HEAD, and the next answer stand where its body would.
      sure = isHead !== undefined;
    }
    if (bytes === undefined) half.open(seq, piece.ack);
    else if (sure) half.expectBody(advance(seq, length), bytes);
    return bytes;
  }

  private say(at: number, tuple: Tuple, seq: number, ack: number, message: Message): void {
    if ('complete' in message && !message.complete) this.cut++;
    this.tell({ kind: 'head', at, netns: this.netns, tuple, seq, ack, message });
  }

  private hold(run: Run): void {
    if (this.now - run.at > HOLD_NS) {
      this.cutOff(run);
      return;
    }
    const { half } = run;
    if (half.runs.length >= MAX_RUNS) for (const oldest of half.runs.slice(0, 1)) this.giveUp(oldest);
    const kept = { ...run, bytes: Buffer.from(run.bytes) };
    half.runs = [...half.runs, kept];
    this.held.add(kept);
    this.heldBytes += kept.bytes.length;
    for (const oldest of this.held) {
      if (this.heldBytes <= MAX_HELD_BYTES) break;
      this.giveUp(oldest);
    }
  }

  private release(run: Run): void {
    run.half.runs = run.half.runs.filter((other) => other !== run);
    this.held.delete(run);
    this.heldBytes -= run.bytes.length;
  }

  private giveUp(run: Run): void {
    this.release(run);
    this.cutOff(run);
  }

  /** Nothing more will come of it: what is there of a message is told. */
  private cutOff(run: Run): void {
    const begin = blankLines(run, run.bytes, 0);
    const reading = this.readAt(run, run.bytes, begin, true);
    if (reading !== undefined && reading !== 'incomplete') this.found(run, advance(run.seq, begin), reading);
    else if (begins(run, run.bytes.subarray(begin))) {
      if (this.readAt(run, run.bytes, begin) === 'incomplete') this.cut++;
      else this.unread++;
    }
    run.half.read.add(run.seq, endOf(run));
  }

  private readAt({ tuple }: Run, bytes: Buffer, offset: number, cut = false): Reading {
    const rest = offset === 0 ? bytes : bytes.subarray(offset);
    return speaksDns(tuple)
      ? readDnsStream(rest, { cut })
      : readMessage(rest, { keepQuery: this.options.keepQuery, cut });
  }

  private sayMissed(): void {
    const { now: at, cut, unread } = this;
    if (cut > 0) this.tell({ kind: 'heads-missed', at, count: cut, where: 'cut' });
    if (unread > 0) this.tell({ kind: 'heads-missed', at, count: unread, where: 'unread' });
    this.cut = 0;
    this.unread = 0;
  }
}

const endOf = (run: Run): number => advance(run.seq, run.bytes.length);

const begins = ({ tuple }: Run, bytes: Buffer): boolean => !speaksDns(tuple) && beginsMessage(bytes);

function isSoonAfter(a: number, b: number): boolean {
  const ahead = distance(a, b);
  return ahead > 0 && ahead < NEAR;
}

/** Pieces that touch, each from where the one before it ends: where they overlap both say the same, or one lies. */
function inLine(pieces: readonly Run[]): Run[] {
  const line: Run[] = [];
  for (const piece of pieces) {
    const last = line.at(-1);
    const known = last === undefined ? 0 : distance(endOf(last), piece.seq);
    if (known >= piece.bytes.length) continue;
    const seq = advance(piece.seq, known);
    line.push(known === 0 ? piece : { ...piece, seq, bytes: piece.bytes.subarray(known) });
  }
  return line;
}

function joined(pieces: readonly Run[]): Buffer {
  const [first, ...others] = pieces;
  if (first !== undefined && others.length === 0) return first.bytes;
  return Buffer.concat(pieces.map((piece) => piece.bytes));
}

/** Empty lines before a request are passed over (RFC 9112, 2.2); more than two are no oversight. */
function blankLines({ tuple }: Run, bytes: Buffer, offset: number): number {
  let blank = 0;
  if (bytes[offset] !== RETURN && bytes[offset] !== NEWLINE) return blank;
  if (speaksDns(tuple) || matches(bytes.subarray(offset), PROXY2)) return blank;
  while (blank < 4 && (bytes[offset + blank] === RETURN || bytes[offset + blank] === NEWLINE)) blank++;
  return blank;
}
