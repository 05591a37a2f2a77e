/** Events of one machine among several: its namespaces, pointers and clock told apart from the others'. */
import type { ConntrackView, Event } from '../../events/event.ts';
import { qualify } from '../../events/netns.ts';

/** Kernel addresses are masked to 48 bits; above them there is room for this many machines. */
export const MAX_MACHINES = 31;
const POINTERS = 2 ** 48;

/** @param shift nanoseconds to add to bring its clock to the common one */
export function ofMachine(machine: number, shift: number): (event: Event) => Event {
  if (machine === 0 && shift === 0) return (event) => event;
  const netns = (id: number): number => qualify(machine, id);
  const pointer = (address: number): number => machine * POINTERS + address;
  const entry = (view: ConntrackView | undefined): { conntrack?: ConntrackView } =>
    view === undefined ? {} : { conntrack: { ...view, pointer: pointer(view.pointer) } };
  return (event) => {
    const at = event.at + shift;
    switch (event.kind) {
      case 'packet':
      case 'icmp-error':
      case 'drop':
        return {
          ...event,
          at,
          netns: netns(event.netns),
          skb: pointer(event.skb),
          ...entry(event.conntrack),
        };
      case 'netns':
        return {
          ...event,
          at,
          netns: netns(event.netns),
          links: event.links.map((link) =>
            link.peerNetns === undefined ? link : { ...link, peerNetns: netns(link.peerNetns) },
          ),
        };
      case 'nat':
      case 'verdict':
        return { ...event, at, netns: netns(event.netns), pointer: pointer(event.pointer) };
      case 'socket':
      case 'retransmit':
      case 'entry':
      case 'conntrack-stats':
      case 'entry-refused':
      case 'entry-gone':
      case 'netns-gone':
      case 'rules':
      case 'head':
        return { ...event, at, netns: netns(event.netns) };
      case 'lost':
      case 'tick':
      case 'clock':
      case 'detail':
      case 'probes':
      case 'capture':
      case 'heads-missed':
      case 'kube':
      case 'kube-gone':
      case 'kube-state':
        return { ...event, at };
    }
  };
}
