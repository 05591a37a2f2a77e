/** What the kernel would tell of the same traffic, were its functions traced: each translation, just before its packet. */
import type { Event, Evaluated, NatEvent, PacketEvent } from '../../src/events/event.ts';
import { invert, sameTuple } from '../../src/events/tuple.ts';

const SILENT: Evaluated = { chains: [], entered: 0 };

/** @param evaluated what it came by, where it matters */
export function withNat(events: readonly Event[], evaluated: Evaluated = SILENT): Event[] {
  const told = new Set<string>();
  return events.flatMap((event): Event[] => {
    if (event.kind !== 'packet' || event.conntrack?.info !== 'new') return [event];
    const key = `${String(event.netns)} ${String(event.conntrack.pointer)}`;
    if (told.has(key)) return [event];
    told.add(key);
    return [...translationsOf(event, evaluated), event];
  });
}

function translationsOf(packet: PacketEvent, evaluated: Evaluated): NatEvent[] {
  const { conntrack, netns, inIfindex, ifindex, at } = packet;
  if (conntrack === undefined) return [];
  const { pointer, zone, original, reply, masqueradeIndex } = conntrack;
  const after = invert(reply);
  const between = { ...original, dst: after.dst, dport: after.dport };
  const entry = { kind: 'nat', netns, pointer, zone, original, evaluated, inIfindex } as const;
  const told: NatEvent[] = [];
  if (!sameTuple(original, between)) {
    const hook = inIfindex === 0 ? 'OUTPUT' : 'PREROUTING';
    told.push({ ...entry, at, hook, manip: 'destination', what: 'address', outIfindex: 0 });
  }
  if (!sameTuple(between, after)) {
    const what = masqueradeIndex === 0 ? 'address' : 'masquerade';
    told.push({ ...entry, at, hook: 'POSTROUTING', manip: 'source', what, outIfindex: ifindex });
  }
  return told;
}
