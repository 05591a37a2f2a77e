/**
 * The clocks of several machines brought to one, by what cannot be otherwise: a packet is sent before it is seen
 * anywhere else, and the machine it is for sees it last. Each handshake that two machines saw bounds how far their
 * clocks are apart, the SYN from the one side and the SYN-ACK from the other (as NTP does with its two packets,
 * RFC 5905 section 8); all bounds together leave a span, whose middle is taken and whose half is the uncertainty.
 * Wall clocks are off by milliseconds and more, so that an answer could stand before its question.
 */
import type { Handshake } from './handshakes.ts';

/** How one machine's times are brought to the common clock. */
export interface Placement {
  /** Nanoseconds to add. */
  readonly shift: number;
  /** By packets, with the first machine of those that packets tie together; or by the machine's own wall clock. */
  readonly by: 'packets' | 'wall';
  /** Of `by` packets: it may be off by as much either way. */
  readonly uncertainty?: number;
  /** Of `by` packets: the handshakes that this machine shares with others. */
  readonly handshakes?: number;
}

/**
 * @param wall nanoseconds to add by each machine's wall clock
 * @param seen each machine's handshakes
 */
export function place(
  wall: readonly number[],
  seen: readonly ReadonlyMap<string, Handshake>[],
): readonly Placement[] {
  const spans = new Spans(wall.length);
  const shared = wall.map(() => 0);
  for (const parts of together(seen)) {
    for (const { machine } of parts) shared[machine] = (shared[machine] ?? 0) + 1;
    for (const { earlier, later, by } of boundsOf(parts)) spans.bound(earlier, later, by);
  }
  spans.close();
  const placed: Placement[] = [];
  for (const [machine, byWall] of wall.entries()) {
    const reference = placed.findIndex((_, other) => spans.isBounded(machine, other));
    const base = placed[reference];
    if (base === undefined) {
      placed.push({ shift: byWall, by: 'wall' });
      continue;
    }
    const apart = Math.round(spans.middle(machine, reference));
    const uncertainty = spans.width(machine, reference) / 2;
    spans.fix(machine, reference, apart);
    placed.push({
      shift: base.shift + apart,
      by: 'packets',
      uncertainty,
      handshakes: shared[machine] ?? 0,
    });
  }
  return placed;
}

interface Part extends Handshake {
  readonly machine: number;
}

/** Handshakes that more than one machine saw. */
function* together(seen: readonly ReadonlyMap<string, Handshake>[]): Generator<readonly Part[]> {
  const done = new Set<string>();
  for (const handshakes of seen)
    for (const key of handshakes.keys()) {
      if (done.has(key)) continue;
      done.add(key);
      const parts = seen.flatMap((one, machine) => {
        const handshake = one.get(key);
        return handshake === undefined ? [] : [{ machine, ...handshake }];
      });
      if (parts.length > 1) yield parts;
    }
}

/** `shift[earlier] - shift[later]` is at most `by`, since what is earlier cannot come out as later. */
interface Bound {
  readonly earlier: number;
  readonly later: number;
  readonly by: number;
}

function* boundsOf(parts: readonly Part[]): Generator<Bound> {
  const client = parts.find(({ syn }) => syn.sentHere);
  const server = parts.find(({ synAck }) => synAck.sentHere);
  for (const part of parts) {
    if (client !== undefined && part !== client) {
      yield before(client, client.syn.firstAt, part, part.syn.firstAt);
      yield before(part, part.synAck.lastAt, client, client.synAck.lastAt);
    }
    if (server !== undefined && part !== server) {
      yield before(part, part.syn.lastAt, server, server.syn.lastAt);
      yield before(server, server.synAck.firstAt, part, part.synAck.firstAt);
    }
  }
}

const before = (earlier: Part, at: number, later: Part, laterAt: number): Bound => ({
  earlier: earlier.machine,
  later: later.machine,
  by: laterAt - at,
});

/** What is known of the differences of shifts: shift[a] - shift[b] is at most most[a][b]. */
class Spans {
  private readonly most: number[][];

  constructor(machines: number) {
    const all = Array.from({ length: machines }, (_, index) => index);
    this.most = all.map((a) => all.map((b) => (a === b ? 0 : Infinity)));
  }

  bound(a: number, b: number, most: number): void {
    if (most < this.at(a, b)) this.set(a, b, most);
  }

  /** What follows for two machines by way of others (Floyd and Warshall). */
  close(): void {
    while (!this.follow()) this.widen();
  }

  isBounded(a: number, b: number): boolean {
    return Number.isFinite(this.width(a, b));
  }

  width(a: number, b: number): number {
    return this.at(a, b) + this.at(b, a);
  }

  middle(a: number, b: number): number {
    return (this.at(a, b) - this.at(b, a)) / 2;
  }

  fix(a: number, b: number, apart: number): void {
    this.set(a, b, apart);
    this.set(b, a, -apart);
    this.close();
  }

  /** @returns false where the bounds contradict each other */
  private follow(): boolean {
    for (const via of this.most.keys())
      for (const a of this.most.keys())
        for (const b of this.most.keys()) this.bound(a, b, this.at(a, via) + this.at(via, b));
    return this.most.every((row, machine) => (row[machine] ?? 0) >= 0);
  }

  /** Clocks that run at different speeds contradict themselves: they are only as good as that. */
  private widen(): void {
    const slack = Math.max(...this.most.map((row, machine) => -(row[machine] ?? 0)));
    for (const [a, row] of this.most.entries())
      for (const [b, most] of row.entries()) row[b] = a === b ? 0 : most + slack;
  }

  private at(a: number, b: number): number {
    return this.most[a]?.[b] ?? Infinity;
  }

  private set(a: number, b: number, most: number): void {
    const row = this.most[a];
    if (row !== undefined) row[b] = most;
  }
}
