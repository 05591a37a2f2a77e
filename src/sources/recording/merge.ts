/** Several recordings as one stream, in the order of time. */
import { UsageError } from '../../events/errors.ts';
import type { ClockEvent, Event } from '../../events/event.ts';
import { wallOffset } from '../../events/recording.ts';
import { place } from './clocks.ts';
import type { Placement } from './clocks.ts';
import { Handshakes } from './handshakes.ts';
import type { Handshake } from './handshakes.ts';
import { MAX_MACHINES, ofMachine } from './machine.ts';
import type { RecordingReader } from './reader.ts';

interface Clock extends Placement {
  readonly node: string;
}

export interface Merged {
  /** Nanoseconds since 1970 of event time 0. */
  readonly wallOffset: bigint;
  batches(): AsyncGenerator<readonly Event[]>;
}

/** Recordings of one machine have one clock; what its wall clock drifted between them must not part them. */
interface Machine {
  readonly node: string;
  readonly wallOffset: bigint;
  readonly readers: RecordingReader[];
}

/** @throws UsageError where there are too many machines */
export async function merge(readers: readonly RecordingReader[]): Promise<Merged> {
  const machines = machinesOf(readers);
  // The machine that started first: no event of the others falls before its time 0.
  const common = machines.map((machine) => machine.wallOffset).reduce((a, b) => (b < a ? b : a), FAR);
  const clocks = await clocksOf(machines, common);
  const streams = machines.flatMap((machine, index) => {
    const placed = ofMachine(index, clocks[index]?.shift ?? 0);
    return machine.readers.map((reader) => ({ reader, placed }));
  });
  const [only] = streams;
  return {
    wallOffset: machines.length === 0 ? 0n : common,
    batches: () =>
      only !== undefined && streams.length === 1
        ? only.reader.batches()
        : withClocks(
            clocks,
            inOrder(streams.map(({ reader, placed }) => new Stream(reader.batches(), placed))),
          ),
  };
}

const FAR = 2n ** 63n;

function machinesOf(readers: readonly RecordingReader[]): readonly Machine[] {
  const machines = new Map<string, Machine>();
  for (const reader of readers) {
    const { boot, node } = reader.header;
    const machine = machines.get(boot);
    if (machine !== undefined) machine.readers.push(reader);
    else machines.set(boot, { node, wallOffset: wallOffset(reader.header), readers: [reader] });
  }
  if (machines.size <= MAX_MACHINES) return [...machines.values()];
  throw new UsageError(
    `recordings of ${String(machines.size)} machines at once`,
    `replay at most ${String(MAX_MACHINES)} together`,
  );
}

async function clocksOf(machines: readonly Machine[], common: bigint): Promise<readonly Clock[]> {
  const wall = machines.map((machine) => Number(machine.wallOffset - common));
  const seen = machines.length < 2 ? [] : await Promise.all(machines.map(handshakesOf));
  return place(wall, seen).map((placement, index) => ({ ...placement, node: machines[index]?.node ?? '' }));
}

/** Read before all else, so that what is merged is merged in the right order. */
async function handshakesOf({ readers }: Machine): Promise<ReadonlyMap<string, Handshake>> {
  const handshakes = new Handshakes();
  for (const reader of readers) {
    const again = await reader.again();
    if (again === undefined) continue;
    for await (const events of again.events()) for (const event of events) handshakes.see(event);
  }
  return handshakes.all();
}

/** Before the first event, at its time. */
async function* withClocks(
  clocks: readonly Clock[],
  batches: AsyncGenerator<readonly Event[]>,
): AsyncGenerator<readonly Event[]> {
  let said = clocks.length < 2;
  for await (const batch of batches) {
    const [first] = batch;
    if (!said && first !== undefined)
      yield clocks.map((clock, machine) => clockEvent(clock, machine, first.at));
    said ||= first !== undefined;
    yield batch;
  }
}

const clockEvent = (
  { node, by, uncertainty, handshakes }: Clock,
  machine: number,
  at: number,
): ClockEvent => ({
  kind: 'clock',
  at,
  machine,
  node,
  by,
  ...(uncertainty !== undefined && { uncertainty }),
  ...(handshakes !== undefined && { handshakes }),
});

/** Gives out a batch as far as the streams' next events let it. */
async function* inOrder(streams: readonly Stream[]): AsyncGenerator<readonly Event[]> {
  const open = new Set(streams);
  for (;;) {
    for (const stream of open) if (!(await stream.fill())) open.delete(stream);
    if (open.size === 0) return;
    yield inOrderUntilEmpty([...open]);
  }
}

function inOrderUntilEmpty(streams: readonly Stream[]): Event[] {
  const batch: Event[] = [];
  for (;;) {
    let first: Stream | undefined;
    for (const stream of streams) {
      if (stream.next === undefined) return batch;
      if (first?.next === undefined || stream.next.at < first.next.at) first = stream;
    }
    if (first?.next === undefined) return batch;
    batch.push(first.next);
    first.advance();
  }
}

class Stream {
  next: Event | undefined;
  private readonly batches: AsyncGenerator<readonly Event[]>;
  private readonly place: (event: Event) => Event;
  private batch: readonly Event[] = [];
  private position = 0;

  constructor(batches: AsyncGenerator<readonly Event[]>, place: (event: Event) => Event) {
    this.batches = batches;
    this.place = place;
  }

  /** @returns false at its end */
  async fill(): Promise<boolean> {
    while (this.next === undefined) {
      const result = await this.batches.next();
      if (result.done === true) return false;
      this.batch = result.value;
      this.position = 0;
      this.advance();
    }
    return true;
  }

  advance(): void {
    const event = this.batch[this.position++];
    this.next = event === undefined ? undefined : this.place(event);
  }
}
