/**
 * A connection's way as stages: the namespaces its packets passed, in order, each with the conntrack entry it
 * has there and the devices it left by. Hops are derived from it; nothing of it is kept.
 */
import type { NetnsId } from '../events/event.ts';
import { sameTuple } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { afterNat, beforeNat } from './connection.ts';
import type { Connection, Crossing, Devices, Direction, Entry } from './connection.ts';
import type { Knowledge } from './knowledge.ts';

export interface Stage {
  netns: NetnsId;
  entry: Entry | undefined;
  /** At least one, or none where the entry alone is known (an old connection, or the last stage). */
  crossings: Crossing[];
}

export function forwardWay(connection: Connection, knowledge: Knowledge): Stage[] {
  const stages = stagesOf('forward', connection, knowledge);
  const placed = new Set(stages.map((stage) => stage.entry));
  let rest = connection.entries.filter((entry) => !placed.has(entry));
  while (rest.length > 0) {
    // One that stands next to a stage makes a place for the others; one with a gap on both sides has none.
    const next =
      rest.find((entry) => stages.some((stage) => adjoins(stage, entry))) ??
      rest.find((entry) => entry.read || stages.length === 0);
    if (next === undefined) break;
    insert(stages, next);
    rest = rest.filter((entry) => entry !== next);
  }
  return stages;
}

export function replyWay(connection: Connection, knowledge: Knowledge): Stage[] {
  return stagesOf('reply', connection, knowledge);
}

/**
 * A bridge that does not know where an address lives sends to all its ports (br_flood): of these only the one
 * that led on is on the way. Where none did, all stand.
 */
function withoutFlood(
  direction: Direction,
  connection: Connection,
  knowledge: Knowledge,
): readonly Crossing[] {
  const crossings = connection[direction];
  const dead = new Set<Crossing>();
  for (let begin = 0, end = 0; begin < crossings.length; begin = end) {
    const first = crossings[begin] as Crossing;
    for (end = begin + 1; end < crossings.length && besideEachOther(first, crossings[end] as Crossing);)
      end++;
    if (end - begin < 2) continue;
    const fates = crossings.slice(begin, end).map((crossing) => {
      const peer = knowledge.peer(crossing.devices.netns, crossing.devices.out);
      return { crossing, ledOn: peer && ledOnTo(peer.netns, direction, crossing.at, connection) };
    });
    if (!fates.some(({ ledOn }) => ledOn === true)) continue;
    for (const { crossing, ledOn } of fates) if (ledOn === false) dead.add(crossing);
  }
  return dead.size === 0 ? crossings : crossings.filter((crossing) => !dead.has(crossing));
}

function besideEachOther(a: Crossing, b: Crossing): boolean {
  return a.devices.netns === b.devices.netns && a.devices.in === b.devices.in && sameTuple(a.tuple, b.tuple);
}

/** Whether the packet that left towards a namespace then was seen, answered or taken there. */
function ledOnTo(
  netns: NetnsId,
  direction: Direction,
  at: number,
  { origin, forward, reply, mishaps, delivery }: Connection,
): boolean {
  const later = (crossing: Crossing): boolean => crossing.devices.netns === netns && crossing.at > at;
  if (mishaps.some(({ event }) => event.netns === netns && event.at > at)) return true;
  if (direction === 'reply') return origin === netns || reply.some(later);
  return delivery?.netns === netns || forward.some(later) || reply.some(later);
}

function stagesOf(direction: Direction, connection: Connection, knowledge: Knowledge): Stage[] {
  const stages: Stage[] = [];
  for (const crossing of inOrder(withoutFlood(direction, connection, knowledge), knowledge)) {
    const last = stages.at(-1);
    const { netns } = crossing.devices;
    if (last?.netns === netns && (last.entry === crossing.entry || crossing.entry === undefined)) {
      last.crossings.push(crossing);
    } else {
      stages.push({ netns, entry: crossing.entry, crossings: [crossing] });
    }
  }
  return stages;
}

/**
 * In order of time, as one packet crosses them. But where the first packet was not seen everywhere, a later one
 * shows the rest, which then stands too late: what a device leads to comes behind it.
 */
function inOrder(crossings: readonly Crossing[], knowledge: Knowledge): readonly Crossing[] {
  if (crossings.length < 2) return crossings;
  const way = fromTheSource(crossings).map((crossing) => ({
    crossing,
    from: entrance(crossing.devices.netns, crossing.devices.in, knowledge),
    to: entranceBehind(crossing.devices, knowledge),
  }));
  const predecessor = (from: string | undefined): number =>
    from === undefined ? -1 : way.findIndex(({ to }) => to === from);
  const isMisplaced = ({ from }: (typeof way)[number], index: number): boolean => {
    const place = predecessor(from);
    if (place === -1 || place === index) return false;
    if (place > index) return !leadsOn(index, place);
    return index > place + 1 && way[place + 1]?.from !== from;
  };
  // What led on to the one that comes back to the same entrance was there before it, by a way that is not known: from
  // another machine.
  const leadsOn = (begin: number, end: number): boolean =>
    way.slice(begin, end).every(({ to }, index) => to !== undefined && to === way[begin + index + 1]?.from);
  // Each round puts one in its place; a way that leads back to itself ends the rounds all the same.
  for (let rounds = way.length; rounds > 0; rounds--) {
    const index = way.findIndex(isMisplaced);
    if (index === -1) break;
    const [moved] = way.splice(index, 1);
    if (moved !== undefined) way.splice(predecessor(moved.from) + 1, 0, moved);
  }
  return way.map(({ crossing }) => crossing);
}

/** Where a packet comes in, as netfilter names it: a bridge takes what comes by its ports. */
function entrance(netns: NetnsId, ifindex: number, knowledge: Knowledge): string | undefined {
  const device = ifindex === 0 ? undefined : knowledge.hookDevice(netns, ifindex);
  return device === undefined ? undefined : `${String(netns)} ${device}`;
}

function entranceBehind({ netns, out }: Devices, knowledge: Knowledge): string | undefined {
  const peer = knowledge.peer(netns, out);
  return peer && entrance(peer.netns, peer.ifindex, knowledge);
}

/** Whether what leaves by the one comes in by the other. */
export function leadsTo(from: Devices, to: Devices, knowledge: Knowledge): boolean {
  const behind = entranceBehind(from, knowledge);
  return behind !== undefined && behind === entrance(to.netns, to.in, knowledge);
}

/** What a packet is sent from comes first. */
function fromTheSource(crossings: readonly Crossing[]): readonly Crossing[] {
  const isSource = ({ devices }: Crossing): boolean => devices.in === 0;
  const passed = crossings.findIndex((crossing) => !isSource(crossing));
  if (passed === -1 || !crossings.slice(passed).some(isSource)) return crossings;
  return [...crossings.filter(isSource), ...crossings.filter((crossing) => !isSource(crossing))];
}

/**
 * An entry without a forward packet of its own: the packet was delivered where it was made (it left by no
 * device there), or the entry was read from the table. Its place follows from its tuples.
 */
function insert(stages: Stage[], entry: Entry): void {
  const stage: Stage = { netns: entry.netns, entry, crossings: [] };
  const before = beforeNat(entry);
  const after = afterNat(entry);
  let position = stages.length;
  for (let i = stages.length - 1; i >= 0; i--) {
    const other = stages[i] as Stage;
    if (sameTuple(leaving(other), before)) {
      position = i + 1;
      break;
    }
    if (sameTuple(coming(other), after)) position = i;
  }
  stages.splice(position, 0, stage);
}

function adjoins(stage: Stage, entry: Entry): boolean {
  return sameTuple(leaving(stage), beforeNat(entry)) || sameTuple(coming(stage), afterNat(entry));
}

/** The packet as it came into the stage, and as it left. */
export function coming(stage: Stage): Tuple {
  if (stage.entry !== undefined) return beforeNat(stage.entry);
  return (stage.crossings[0] as Crossing).tuple;
}
export function leaving(stage: Stage): Tuple {
  if (stage.entry !== undefined) return afterNat(stage.entry);
  return (stage.crossings.at(-1) as Crossing).tuple;
}
