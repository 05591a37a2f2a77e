/**
 * What goes wrong with a connection beyond what befalls one packet of it. All five are rare: those that have none share
 * one object.
 */
import type { EntryGoneEvent, NetnsId, RetransmitEvent } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';
import type { Direction } from './connection.ts';

export interface Trouble {
  /** An answer was sent, and who asked did not take it: it asked again, or gave up dialling. */
  readonly untaken: boolean;
  /** The client's host reset what came as an answer, since that did not fit what it had dialled. */
  readonly disowned: { readonly at: number; readonly netns: NetnsId; readonly tuple: Tuple } | undefined;
  readonly stall: Stall | undefined;
  /** Conntrack forgot it, where it passed or was translated. */
  readonly gone: EntryGoneEvent | undefined;
  /** The tuple that its entry would have had is another connection's. */
  readonly clash: { readonly tuple: Tuple; readonly holder: Tuple } | undefined;
}

/** Segments sent again and again, none of which was acknowledged. */
export interface Stall {
  readonly direction: Direction;
  readonly since: number;
  readonly at: number;
  /** How often the timer ran out. */
  readonly timeouts: number;
  /** Payload of the last, in bytes. */
  readonly length: number;
  /** The first byte that is not acknowledged, where the probes tell. */
  readonly unacked: number | undefined;
}

export const UNTROUBLED: Trouble = {
  untaken: false,
  disowned: undefined,
  stall: undefined,
  gone: undefined,
  clash: undefined,
};

/**
 * What stands still has the same first byte unacknowledged as before; older probes do not tell which, but the kernel counts
 * time-outs anew with each acknowledgement (tcp_ack).
 */
export function stallAfter(
  before: Stall | undefined,
  direction: Direction,
  { at, timeouts, length, unacked }: RetransmitEvent,
): Stall | undefined {
  if (timeouts === undefined || length === undefined) return before;
  const goesOn =
    before?.direction === direction &&
    (unacked === undefined ? timeouts > before.timeouts : unacked === before.unacked);
  return { direction, since: goesOn ? before.since : at, at, timeouts, length, unacked };
}

/** Whether what the other side acknowledges is more than stood still (in the order of RFC 9293, 3.4). */
export const isAcknowledged = ({ unacked }: Stall, ack: number): boolean =>
  unacked !== undefined && ((ack - unacked) | 0) > 0;
