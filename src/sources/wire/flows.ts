/** What is remembered of the connections of one namespace, both directions, bounded. */
import type { Tuple } from '../../events/tuple.ts';
import { ReadRanges, distance } from './sequence.ts';

/** Above what talks on a node within the moment in which a packet passes several interfaces. */
const MAX_FLOWS = 4096;
/** A port is used again; what was known of its connection then is not of this one. */
const IDLE_NS = 120_000_000_000;
/** Pieces held a direction, waiting for what comes between. */
export const MAX_RUNS = 8;
/** Requests remembered that wait for their answers. */
const MAX_ASKED = 64;
/** Of a longer body only so much is passed over: numbers come round. */
const MAX_BODY_BYTES = 2 ** 30;
/** A later one may be seen first, if packets overtook each other. */
const MAX_BODIES = 4;

/** Bytes that touch, of which a message is not yet whole, or whose beginning is not there. */
export interface Run {
  readonly tuple: Tuple;
  /** The direction it goes, and the other one. */
  readonly half: Half;
  readonly other: Half;
  readonly seq: number;
  readonly bytes: Buffer;
  /** Of the segment with its first byte. */
  readonly at: number;
  readonly ack: number;
}

/** One direction. */
export class Half {
  readonly read = new ReadRanges();
  runs: readonly Run[] = [];
  /** Bodies that are under way or were: the first byte of each, and how many; the latest last. */
  private bodies: readonly (readonly [seq: number, bytes: number])[] = [];
  /** A message whose end is not known: where it begins, and what it acknowledged. */
  private openSeq = 0;
  private openAck = -1;
  /** Requests without an answer yet, in order: whether each was a HEAD, whose answer has no body. */
  private asked: boolean[] = [];
  private askedAck = 0;

  /** @param ack of the request's segment: who sends one with another number has had an answer to those before */
  ask(isHead: boolean, ack: number): void {
    if (ack !== this.askedAck || this.asked.length >= MAX_ASKED) this.asked = [];
    this.askedAck = ack;
    this.asked.push(isHead);
  }

  /** Whether the request that is answered next was a HEAD; undefined where it was not seen. */
  answer(final: boolean): boolean | undefined {
    return final ? this.asked.shift() : this.asked[0];
  }

  open(seq: number, ack: number): void {
    this.openSeq = seq;
    this.openAck = ack;
  }

  /**
   * Whether what stands there belongs to a message whose end is not known. That one is over when the other side has
   * said something since; before, what looks like a message may be a part of its body.
   */
  isOpen(seq: number, ack: number): boolean {
    return ack === this.openAck && distance(seq, this.openSeq) > 0;
  }

  expectBody(seq: number, bytes: number): void {
    if (bytes > 0)
      this.bodies = [...this.bodies.slice(1 - MAX_BODIES), [seq, Math.min(bytes, MAX_BODY_BYTES)]];
  }

  /** How much of what begins at `seq` belongs to a body. */
  bodyFrom(seq: number): number {
    for (const [from, bytes] of this.bodies) {
      const into = (seq - from) >>> 0;
      if (into < bytes) return bytes - into;
    }
    return 0;
  }
}

export interface Flow {
  readonly forward: Half;
  readonly back: Half;
  seenAt: number;
}

export class Flows {
  /** Longest unseen first. */
  private readonly flows = new Map<string, Flow>();
  private readonly forget: (flow: Flow) => void;

  /** @param forget is told of each flow that goes, to make of its runs what can be made */
  constructor(forget: (flow: Flow) => void) {
    this.forget = forget;
  }

  get size(): number {
    return this.flows.size;
  }

  /** The direction of the tuple, and the other one. */
  of(tuple: Tuple, at: number): { half: Half; other: Half } {
    const { src, dst, sport, dport } = tuple;
    const forward = src < dst || (src === dst && sport <= dport);
    const key = forward ? `${src} ${sport} ${dst} ${dport}` : `${dst} ${dport} ${src} ${sport}`;
    const flow = this.touch(key, at);
    return forward ? { half: flow.forward, other: flow.back } : { half: flow.back, other: flow.forward };
  }

  forgetIdle(now: number): void {
    for (const [key, flow] of this.flows) {
      if (now - flow.seenAt <= IDLE_NS) return;
      this.remove(key, flow);
    }
  }

  private touch(key: string, at: number): Flow {
    let flow = this.flows.get(key);
    if (flow !== undefined && at - flow.seenAt > IDLE_NS) {
      this.remove(key, flow);
      flow = undefined;
    }
    flow ??= { forward: new Half(), back: new Half(), seenAt: at };
    flow.seenAt = at;
    this.flows.delete(key);
    this.flows.set(key, flow);
    if (this.flows.size > MAX_FLOWS) {
      for (const [oldest, gone] of this.flows) {
        this.remove(oldest, gone);
        break;
      }
    }
    return flow;
  }

  private remove(key: string, flow: Flow): void {
    this.flows.delete(key);
    this.forget(flow);
  }
}
