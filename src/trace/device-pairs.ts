import type { NetnsId, PacketEvent } from '../events/event.ts';
import type { Devices } from './connection.ts';

/** One object for each pair of devices that packets take through a namespace. */
export class DevicePairs {
  private readonly byNetns = new Map<NetnsId, Map<number, Devices>>();
  private size = 0;

  of({ netns, ifindex, inIfindex, device }: PacketEvent): Devices {
    let pairs = this.byNetns.get(netns);
    if (pairs === undefined) {
      pairs = new Map<number, Devices>();
      this.byNetns.set(netns, pairs);
    }
    const key = inIfindex * MAX_INDEX + ifindex;
    const known = pairs.get(key);
    if (known?.outName === device) return known;
    // Namespaces come and go with pods: forgetting them all now and then keeps it small.
    if (++this.size > MAX_PAIRS) {
      this.size = 1;
      this.byNetns.clear();
      pairs = new Map<number, Devices>();
      this.byNetns.set(netns, pairs);
    }
    const made: Devices = { netns, out: ifindex, outName: device, in: inIfindex };
    pairs.set(key, made);
    return made;
  }
}

/** Interface indexes are small; a collision would only name another device of the same namespace. */
const MAX_INDEX = 2 ** 24;
const MAX_PAIRS = 16_384;
