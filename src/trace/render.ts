/** A connection as the request that the contract describes. */
import type { ClockEvent } from '../events/event.ts';
import { inumOf } from '../events/netns.ts';
import { clocksOf, whatClocksLeaveOpen } from './clocks.ts';
import type { Connection } from './connection.ts';
import { endsOf, staleNames } from './ends.ts';
import type { Server } from './ends.ts';
import type { ConntrackCounts } from './conntrack-counts.ts';
import { failureOf } from './failure/failure.ts';
import type { Scene } from './failure/scene.ts';
import { milliseconds, wayOf } from './hops.ts';
import type { Way } from './hops.ts';
import { stateOf } from './lifecycle.ts';
import type { Level } from './lifecycle.ts';
import type { Knowledge } from './knowledge.ts';
import type { Request, State } from './request.ts';
import { verdictOf } from './verdict.ts';

export interface Circumstances {
  knowledge: Knowledge;
  /** Of several machines, by their number. */
  clocks: ReadonlyMap<number, ClockEvent>;
  counts: ConntrackCounts;
  level: Level;
  /** Events lost since the trace began. */
  lost: number;
  /** Wall time in nanoseconds at event time 0. */
  wallOffset: bigint;
}

export function render(connection: Connection, circumstances: Circumstances): Request {
  const { knowledge, level, wallOffset } = circumstances;
  const scene = sceneOf(connection, circumstances);
  const { way, lost } = scene;
  const state = stateAlong(way, connection, level);
  const { firstAt, beginningSeen, protocol } = connection;
  const failure = failureOf(scene, state);
  const server = serverOf(connection, way, lost);
  const ends = endsOf(connection, server, knowledge);
  const clocks = clocksOf([connection], circumstances.clocks);
  const end = connection.endedAt > 0 ? connection.endedAt : connection.lastAt;
  return {
    v: 1,
    id: idOf(connection),
    ...(beginningSeen && {
      startedAt: wallTime(firstAt, wallOffset),
      durationMs: milliseconds(end - firstAt),
    }),
    protocol,
    state,
    ...ends,
    hops: way.hops,
    replyHops: way.replyHops,
    clientIp: verdictOf({ connection, way, ends, knowledge, lost }),
    ...(failure && { failure }),
    retransmits: connection.retransmits,
    inferred: [...notes(connection, way, state, lost), ...whatClocksLeaveOpen(clocks), ...staleNames(ends)],
    lostEvents: lost,
    ...(clocks && { clocks }),
  };
}

/** What needs no answer got none because it was sent where nobody is. */
function stateAlong(way: Way, connection: Connection, level: Level): State {
  const state = stateOf(connection, level);
  return way.stale !== undefined && state === 'closed' && !connection.answered ? 'unanswered' : state;
}

/** What there is to see of a connection, and to ask about it. */
export const sceneOf = (connection: Connection, { knowledge, counts, lost }: Circumstances): Scene => ({
  connection,
  way: wayOf(connection, knowledge),
  knowledge,
  counts,
  lost: lost - connection.lostBefore,
});

function serverOf(connection: Connection, way: Way, lost: number): Server | undefined {
  if (way.server !== undefined) return { ...way.server, sees: true };
  // What it was sent to last may be no server's address: a rewrite may be among what was lost.
  if (!connection.answered || way.arrived === undefined || lost > 0) return undefined;
  // It answered, but not from a namespace of ours: what it saw is not known.
  const last = connection.forward.at(-1)?.devices.netns ?? connection.entries.at(-1)?.netns ?? 0;
  return { netns: last, tuple: way.arrived, sees: false };
}

function notes(connection: Connection, way: Way, state: State, lost: number): string[] {
  const inferred = [...connection.doubts];
  if (!connection.beginningSeen) {
    inferred.push('older than the trace, or its first packet was missed: start and first hops are not known');
  }
  const unseen = way.hops.flatMap((hop, i) => (hop.observed ? [] : [i]));
  if (unseen.length > 0) {
    inferred.push(`not seen: hop ${unseen.join(', ')}, which follows from ${unseenReason(connection)}`);
  }
  if (connection.unheard) inferred.push('no answer was seen; it may be among the events that were lost');
  if (state === 'closed' && !connection.answered) {
    inferred.push('no answer was seen, and such datagrams need none: whether it was wanted is not known');
  }
  for (const { kind, rule } of way.hops) {
    if (rule?.unknownMatches === undefined) continue;
    const matches = rule.unknownMatches.join('; ');
    inferred.push(
      `the rule of the ${kind} in ${rule.table} ${rule.chain} rests on an unknown match: ${matches}`,
    );
  }
  if (connection.unwatched) inferred.push('detail nat: devices, deliveries and answers are not watched');
  if (lost > 0) {
    const source = connection.sourceSeen ? '' : ', and who is called the client may have passed it on';
    inferred.push(`${String(lost)} events were lost while it lived: hops may be missing${source}`);
  }
  return inferred;
}

function unseenReason(connection: Connection): string {
  return connection.entries.some((entry) => entry.read)
    ? 'the conntrack table'
    : 'the answer and the device pair';
}

export function wallTime(at: number, offset: bigint): string {
  const wall = BigInt(Math.round(at)) + offset;
  const seconds = new Date(Number(wall / 1_000_000n)).toISOString().slice(0, 19);
  const micros = (wall / 1_000n) % 1_000_000n;
  return `${seconds}.${String(micros).padStart(6, '0')}Z`;
}

/** The same recording gives the same ids: made of the first packet's time, namespace and tuple. FNV-1a, twice. */
export function idOf(connection: Connection): string {
  const { firstAt, protocol, firstSeen: t, origin } = connection;
  const text = `${String(firstAt)} ${String(inumOf(origin))} ${protocol} ${t.src} ${String(t.sport)} ${t.dst} ${String(t.dport)}`;
  return hash(text, 0x811c9dc5) + hash(text, 0x01000193);
}

function hash(text: string, seed: number): string {
  let value = seed;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
