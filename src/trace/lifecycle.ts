/**
 * The state of a connection, and when it has come to an end. All times are event time.
 */
import type { IcmpErrorEvent, NetnsId } from '../events/event.ts';
import type { Protocol } from '../events/tuple.ts';
import { afterNat, beforeNat } from './connection.ts';
import type { Connection, Entry, Mishap } from './connection.ts';
import { isGroup, needsNoAnswer } from './one-way.ts';
import { BY_RULE } from './refusal-rule.ts';
import type { State } from './request.ts';

/** A capture takes its turn like any process: on a busy node its stamps are so much later than the packets. */
const LATE_HEADS_NS = 1_500_000_000;

/** From the first sight of an answer to the reset of who took it for its own, with what a head's stamp may be late. */
const TAKEN_WITHIN_NS = 2_000_000_000;

export type Level = 'path' | 'nat';

/** What follows the last packet (a drop's record, an error's way back, what was lost) comes within this. */
export const SETTLE_NS = 300_000_000;
/** No answer for so long is worth telling; an answer that comes later corrects it. */
export const UNANSWERED_NS = 5_000_000_000;
/** Datagrams: the probes say a flow again every 5 s while it goes on. */
const IDLE_NS = 6_000_000_000;
/** What was told is kept so long, so that a late answer finds it and a late retransmit is not news. */
const KEEP_TOLD_NS = 70_000_000_000;

export function stateOf(connection: Connection, level: Level): State {
  const { ending, endedAt, protocol } = connection;
  if (isAnswered(connection)) {
    if (protocol === 'tcp' || protocol === 'sctp')
      return hasClosed(connection, level) ? 'closed' : 'established';
    return endedAt > 0 ? 'closed' : 'established';
  }
  const isOver = endedAt > 0 && !connection.unwatched && !connection.unheard;
  // Who of a group does not want it may drop it.
  if (isGroup(connection.client.dst)) return isOver ? 'closed' : 'open';
  if (connection.trouble.untaken) return endedAt > 0 ? 'unanswered' : 'open';
  const error = refusal(connection);
  const byRule = connection.mishaps.some((m) => isDrop(m, BY_RULE) && !isErrorLost(m, connection));
  const noSocket = connection.mishaps.some((m) => m.direction === 'forward' && isDrop(m, 'NO_SOCKET'));
  if (ending.reset?.direction === 'reply') return byRule ? 'rejected' : 'refused';
  if (error !== undefined) return noSocket && !byRule ? 'refused' : 'rejected';
  if (noSocket) return 'refused';
  // What the kernel drops once, for want of room or a neighbour, may pass when it is sent again; a rule is firm.
  const isDropped = (m: Mishap): boolean =>
    m.event.kind === 'drop' && m.direction === 'forward' && !isErrorLost(m, connection);
  if (connection.mishaps.some(isDropped) && (byRule || !connection.unheard)) return 'dropped';
  if (!isOver) return 'open';
  return needsNoAnswer(connection.client) ? 'closed' : 'unanswered';
}

/** It was answered, and the answer was taken. */
const isAnswered = ({ answered, trouble }: Connection): boolean => answered && !trouble.untaken;

/** What is sent again has not been acknowledged for so long that it is worth telling. */
export const isStalled = ({ trouble: { stall } }: Connection): boolean =>
  stall !== undefined && stall.length > 0 && stall.at - stall.since >= UNANSWERED_NS;

/**
 * An answer that has begun does not come to its end: what the server sends is not acknowledged, or who passes it on took
 * it for its own. @param begun when the answer began
 */
export function isAnswerCut(connection: Connection, begun: number): boolean {
  const { ending, trouble } = connection;
  if (isStalled(connection) && trouble.stall?.direction === 'reply') return true;
  const taken = takerOf(connection) === undefined ? undefined : ending.reset;
  // Answers of longer ago were not what it reset.
  return taken !== undefined && taken.at - begun < TAKEN_WITHIN_NS;
}

/**
 * Who had put its own address for the client's, got the answer, and found no connection to give it to: it resets what it
 * takes for its own.
 */
export function takerOf(connection: Connection): NetnsId | undefined {
  const { beginningSeen, origin, entries, mishaps } = connection;
  const { reset } = connection.ending;
  if (reset?.direction !== 'forward' || !reset.sentHere || !beginningSeen || reset.netns === origin)
    return undefined;
  const { netns } = reset;
  const hides = (entry: Entry): boolean =>
    entry.netns === netns && !entry.flipped && beforeNat(entry).src !== afterNat(entry).src;
  // A rule that answers with a reset drops what it answers.
  const isRule = mishaps.some((m) => m.event.netns === netns && isDrop(m, BY_RULE));
  return entries.some(hides) && !isRule ? netns : undefined;
}

export function refusal(connection: Connection): Mishap | undefined {
  return connection.mishaps.find(
    ({ direction, event }) => direction === 'forward' && event.kind === 'icmp-error' && isRefusalError(event),
  );
}

/** An ICMP error that ends the attempt; not the ones that only ask for smaller packets. */
export function isRefusalError({ family, type, code }: IcmpErrorEvent): boolean {
  return family === 4 ? type === 3 && code !== 4 : type === 1 || type === 4;
}

export function isDrop(mishap: Mishap, reason: string): boolean {
  return mishap.event.kind === 'drop' && mishap.event.reason === reason;
}

/** What was dropped was no packet of the connection, but an ICMP error about it. */
export const isErrorLost = ({ event }: Mishap, { protocol }: Connection): boolean =>
  event.kind === 'drop' && event.tuple.protocol === 'icmp' && protocol !== 'icmp';

/** Called after each event of the connection: marks the time of its end. */
export function noteEnd(connection: Connection, level: Level, at: number): void {
  const answered = isAnswered(connection);
  const stalled = isStalled(connection);
  if (connection.endedAt > 0) {
    // A flow that goes on after it was thought over, or an answer after all.
    if (answered && !hasClosed(connection, level) && !stalled) connection.endedAt = 0;
    return;
  }
  const over = answered ? stalled || hasClosed(connection, level) : isGivenUp(connection);
  if (over) connection.endedAt = at;
}

function isGivenUp(connection: Connection): boolean {
  const { ending, trouble } = connection;
  if (trouble.untaken && trouble.disowned === undefined) return true;
  return closing(connection) || refusal(connection) !== undefined || ending.dialFailed !== undefined;
}

/**
 * Called as time passes.
 * @param lost events lost in bulk so far
 * @returns whether the silence has ended it
 */
export function noteSilence(connection: Connection, at: number, lost: number): boolean {
  const { protocol, lastAt, firstAt } = connection;
  if (!isAnswered(connection)) {
    // The answer may be what was lost; that the client gave up tells that none had come.
    connection.unheard = lost > connection.lostAsked && connection.ending.dialFailed === undefined;
    const patience = connection.unwatched || connection.unheard ? KEEP_TOLD_NS : UNANSWERED_NS;
    if (!connection.beginningSeen || at - firstAt <= patience) return false;
    connection.endedAt = needsNoAnswer(connection.client) ? lastAt : at;
    return true;
  }
  if (!isDatagram(protocol) || at - lastAt <= IDLE_NS) return false;
  connection.endedAt = lastAt;
  return true;
}

/** It has ended, and what was to come of it has come. */
export function isSettled(connection: Connection, at: number): boolean {
  return connection.endedAt > 0 && at - connection.endedAt >= SETTLE_NS;
}

/**
 * Nothing more can come of it that would be worth telling.
 * @param hearing heads are captured, and may come late
 */
export function isSpent(connection: Connection, state: State, at: number, hearing: boolean): boolean {
  if (connection.emitted === undefined) return false;
  // A flow that is never answered goes on for as long as something is sent.
  const mayGoOn = !connection.answered && isDatagram(connection.protocol);
  if ((state === 'closed' || state === 'refused') && !mayGoOn)
    return !hearing || at - connection.endedAt > LATE_HEADS_NS;
  return at - connection.lastAt > KEEP_TOLD_NS;
}

export const isDatagram = (protocol: Protocol): boolean => protocol === 'udp' || protocol === 'icmp';

function hasClosed({ ending, forward, reply }: Connection, level: Level): boolean {
  if (ending.reset !== undefined) return true;
  // At `nat` only a connection's first FIN is said.
  if (level === 'nat') return ending.finForward || ending.finReply;
  // Where one end alone is traced the other's is never seen, and neither was anything else of it.
  const closedThere = ending.finForward || (ending.finReply && forward.length === 0);
  const closedBack = ending.finReply || (ending.finForward && reply.length === 0);
  return closedThere && closedBack;
}

function closing({ ending }: Connection): boolean {
  return ending.reset !== undefined || (ending.finForward && ending.finReply);
}
