/** What broke of a request: of its look-up, between the ends of a proxy, or of one of its legs. */
import type { TiedLeg } from '../carriers.ts';
import type { Exchange } from '../exchange.ts';
import type { Lookups } from '../lookups.ts';
import { mismatchOf } from '../proxy-mismatch.ts';
import type { ProxySpeakers } from '../proxy-mismatch.ts';
import type { Failure } from '../request.ts';
import { sceneOf } from '../render.ts';
import type { Circumstances } from '../render.ts';
import { abandoned } from './abandoned.ts';
import { lookupFailure } from './lookup.ts';

/** What was learnt of others, and bears on this one. */
export interface Learnt {
  readonly lookups: Lookups;
  readonly speakers: ProxySpeakers;
}

/** @param starts index of each leg's first hop */
export function requestFailure(
  told: Exchange,
  legs: readonly TiedLeg[],
  starts: readonly number[],
  { lookups, speakers }: Learnt,
  circumstances: Circumstances,
): Failure | undefined {
  const head = told.asked?.message;
  if (head?.what === 'dns') return lookupFailure(told, head, legs[0]?.base, lookups);
  for (const [leg, { exchange, base }] of legs.entries()) {
    const mismatch = mismatchOf(exchange, speakers);
    if (mismatch === undefined) continue;
    const atHop = (starts[leg] ?? 0) + base.hops.length - 1;
    return { kind: 'proxy-protocol-mismatch', ...(base.hops.length > 0 && { atHop }), ...mismatch };
  }
  const stopped = legs.findLastIndex(({ exchange }) => exchange.isCut);
  const cut = legs[stopped]?.base.failure;
  if (cut !== undefined) return placed(cut, legs, starts, stopped);
  // An answer is one, unless it says itself that it was asked for in vain.
  if (told.answer !== undefined && !legs.some(({ base }) => base.server === undefined)) return undefined;
  const failed = legs.findLastIndex(({ base }) => base.failure !== undefined);
  const failure = legs[failed]?.base.failure;
  if (failure !== undefined) return placed(withStatus(failure, told, legs[0], failed), legs, starts, failed);
  const last = legs.findLastIndex(({ exchange }) => exchange.answer === undefined);
  const exchange = legs[last]?.exchange;
  const given = exchange && abandoned(exchange, sceneOf(exchange.connection, circumstances));
  return given && placed(given, legs, starts, last);
}

/** A leg's failure where its hops stand in the request: the answer comes back over the last leg first. */
function placed(failure: Failure, legs: readonly TiedLeg[], starts: readonly number[], leg: number): Failure {
  const { atHop, atReplyHop } = failure;
  const before = legs.slice(leg + 1).reduce((sum, { base }) => sum + base.replyHops.length, 0);
  return {
    ...failure,
    ...(atHop !== undefined && { atHop: atHop + (starts[leg] ?? 0) }),
    ...(atReplyHop !== undefined && { atReplyHop: atReplyHop + before }),
  };
}

/** A proxy's own answer stands beside the failure that it is for. */
function withStatus(
  failure: Failure,
  { answer }: Exchange,
  first: TiedLeg | undefined,
  leg: number,
): Failure {
  const said = answer?.message;
  if (said?.what !== 'http-response' || leg === 0) return failure;
  const who = first?.base.server;
  const words = `${who?.name ?? who?.ip ?? 'the proxy'} answered ${String(said.status)} itself, since what it dialled for it failed`;
  return { ...failure, evidence: [words, ...failure.evidence] };
}
