/**
 * TCP handshakes as each machine saw them: what ties the clocks of machines together. NAT changes no sequence
 * number, so the two initial ones name a connection on every machine that it crosses.
 */
import type { Event, PacketEvent } from '../../events/event.ts';

/** One packet of a handshake on one machine, by that machine's clock. */
export interface Sighting {
  readonly firstAt: number;
  readonly lastAt: number;
  /** A socket of this machine sent it. */
  readonly sentHere: boolean;
}

export interface Handshake {
  readonly syn: Sighting;
  readonly synAck: Sighting;
}

const SYN = 2;
const ACK = 16;
/** Of a long recording the last ones: they are the nearest to what the other machines recorded too. */
const LIMIT = 16_384;

/** Those of one machine, by their initial sequence numbers. */
export class Handshakes {
  private readonly syns = new Map<number, Packet>();
  private readonly synAcks = new Map<string, Packet & { readonly isn: number }>();

  see(event: Event): void {
    if (event.kind !== 'packet' || event.tuple.protocol !== 'tcp' || (event.flags & SYN) === 0) return;
    if ((event.flags & ACK) === 0) note(this.syns, event.seq, event, () => new Packet(event));
    else {
      const isn = (event.ack - 1) >>> 0;
      note(this.synAcks, `${String(isn)} ${String(event.seq)}`, event, () =>
        Object.assign(new Packet(event), { isn }),
      );
    }
  }

  /** The whole ones. What was sent again says nothing of when it was under way, and is left out. */
  all(): Map<string, Handshake> {
    const whole = new Map<string, Handshake>();
    for (const [key, synAck] of this.synAcks) {
      const syn = this.syns.get(synAck.isn);
      if (syn !== undefined && !syn.again && !synAck.again) whole.set(key, { syn, synAck });
    }
    return whole;
  }
}

class Packet implements Sighting {
  readonly firstAt: number;
  lastAt: number;
  sentHere: boolean;
  /** Seen twice in one place. */
  again = false;
  private readonly places = new Set<string>();

  constructor(event: PacketEvent) {
    this.firstAt = event.at;
    this.lastAt = event.at;
    this.sentHere = false;
    this.add(event);
  }

  add({ at, netns, ifindex, inIfindex }: PacketEvent): void {
    const place = `${String(netns)} ${String(ifindex)}`;
    this.again ||= this.places.has(place);
    this.places.add(place);
    this.lastAt = Math.max(this.lastAt, at);
    this.sentHere ||= inIfindex === 0;
  }
}

function note<K, P extends Packet>(known: Map<K, P>, key: K, event: PacketEvent, make: () => P): void {
  const packet = known.get(key);
  if (packet !== undefined) {
    packet.add(event);
    return;
  }
  known.set(key, make());
  if (known.size <= LIMIT) return;
  for (const oldest of known.keys()) {
    known.delete(oldest);
    return;
  }
}
