/** Who took a connection's packets: where the answer was sent from, or the process that read them. */
import type { NetnsId } from '../events/event.ts';
import { invert } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { afterNat } from './connection.ts';
import type { Connection, Entry } from './connection.ts';
import type { Knowledge } from './knowledge.ts';
import type { Stage } from './way.ts';

export interface Served {
  readonly netns: NetnsId;
  /** As the server has it: its source is what getpeername() gives. */
  readonly tuple: Tuple;
  readonly observed: boolean;
}

/** @param stages the way there; @returns undefined where nobody is known to have taken it */
export function serverOf(
  { delivery, reply, answered, ending }: Connection,
  stages: readonly Stage[],
  knowledge: Knowledge,
): Served | undefined {
  // A reset may come from anybody on the way.
  const origin = reply.find((c) => c.devices.in === 0 && c.at !== ending.reset?.at);
  if (origin !== undefined && answered) {
    const entry = origin.entry;
    const tuple = entry !== undefined && !isForwarder(stages, entry) ? afterNat(entry) : invert(origin.tuple);
    return { netns: origin.devices.netns, tuple, observed: true };
  }
  if (delivery !== undefined) return { netns: delivery.netns, tuple: delivery.tuple, observed: true };
  return answered ? inferred(stages, knowledge) : undefined;
}

/** The last device's other end, where the address is the namespace's own and there was an answer. */
function inferred(stages: readonly Stage[], knowledge: Knowledge): Served | undefined {
  const last = stages.at(-1);
  if (last === undefined) return undefined;
  const tuple = last.entry === undefined ? last.crossings.at(-1)?.tuple : afterNat(last.entry);
  const crossing = last.crossings.at(-1);
  const peer = crossing && knowledge.peer(crossing.devices.netns, crossing.devices.out);
  if (tuple === undefined || peer === undefined) return undefined;
  if (!knowledge.isLocal(peer.netns, tuple.dst)) return undefined;
  return { netns: peer.netns, tuple, observed: false };
}

/** The entry belongs to a namespace that also passed the packet on: the answer did not begin there. */
function isForwarder(stages: readonly Stage[], entry: Entry): boolean {
  return stages.some((stage) => stage.entry === entry && stage.crossings.some((c) => c.devices.in !== 0));
}
