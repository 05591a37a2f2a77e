/**
 * What the kernel itself told of the making of conntrack entries, kept until the packet is seen that shows the entry,
 * and with it as long as it lives: the hooks run before a packet leaves by a device, so this comes first.
 */
import type { Evaluated, HookName, NatEvent, NetnsId, VerdictEvent } from '../events/event.ts';
import { sameFlow } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';

/** Entries that no packet was seen of are forgotten, the oldest first. */
const MAX_MAKINGS = 32_768;

/** Of one entry. */
export interface Making {
  readonly netns: NetnsId;
  readonly zone: number;
  readonly original: Tuple;
  readonly source: NatEvent | undefined;
  readonly destination: NatEvent | undefined;
  /** The rules that ran before its packet was dropped. */
  readonly dropped: { readonly hook: HookName; readonly evaluated: Evaluated } | undefined;
}

export class Makings {
  private readonly byPointer = new Map<number, Making>();

  /** @returns what is known now of the entry */
  take(event: NatEvent | VerdictEvent): Making {
    const { pointer } = event;
    const known = this.of(event.netns, event);
    const { netns, zone, original } = event;
    // An address used again for the same flow: a packet sent again is made an entry anew.
    const another = known === undefined ? undefined : anotherOf(known, event);
    if (known !== undefined && another !== undefined && another.at > event.at) return known;
    const before = another === undefined ? (known ?? NOTHING) : NOTHING;
    const making: Making = {
      netns,
      zone,
      original,
      source: event.kind === 'nat' && event.manip === 'source' ? event : before.source,
      destination: event.kind === 'nat' && event.manip === 'destination' ? event : before.destination,
      dropped: event.kind === 'verdict' ? { hook: event.hook, evaluated: event.evaluated } : before.dropped,
    };
    // The newest stand last.
    this.byPointer.delete(pointer);
    this.byPointer.set(pointer, making);
    if (this.byPointer.size > MAX_MAKINGS) {
      for (const oldest of this.byPointer.keys()) {
        this.byPointer.delete(oldest);
        break;
      }
    }
    return making;
  }

  /** Of the entry at an address, if what is known there is of this flow. */
  of(
    netns: NetnsId,
    { pointer, zone, original }: { pointer: number; zone: number; original: Tuple },
  ): Making | undefined {
    if (this.byPointer.size === 0) return undefined;
    const making = this.byPointer.get(pointer);
    if (making?.netns !== netns || making.zone !== zone || !sameFlow(making.original, original))
      return undefined;
    return making;
  }
}

const NOTHING = { source: undefined, destination: undefined, dropped: undefined };

/** What an entry goes through but once, and is known to have gone through at another time. */
function anotherOf(known: Making, event: NatEvent | VerdictEvent): NatEvent | undefined {
  if (event.kind === 'verdict') return undefined;
  const before = event.manip === 'source' ? known.source : known.destination;
  return before?.at === event.at ? undefined : before;
}
