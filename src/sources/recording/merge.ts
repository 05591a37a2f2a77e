/** Several recordings as one stream, in the order of wall time. */
import { UsageError } from '../../events/errors.ts';
import type { Event } from '../../events/event.ts';
import { wallOffset } from '../../events/recording.ts';
import type { RecordingHeader } from '../../events/recording.ts';
import { MAX_MACHINES, ofMachine } from './machine.ts';
import type { RecordingReader } from './reader.ts';

export interface Merged {
  /** Nanoseconds since 1970 of event time 0. */
  readonly wallOffset: bigint;
  batches(): AsyncGenerator<readonly Event[]>;
}

export function merge(readers: readonly RecordingReader[]): Merged {
  const boots = [...new Set(readers.map((reader) => reader.header.boot))];
  if (boots.length > MAX_MACHINES) {
    throw new UsageError(
      `recordings of ${String(boots.length)} machines at once`,
      `replay at most ${String(MAX_MACHINES)} together`,
    );
  }
  const offsets = boots.map((boot) =>
    offsetOf(
      readers.map((reader) => reader.header),
      boot,
    ),
  );
  // The machine that started first: no event of the others falls before its time 0.
  const common = offsets.reduce((a, b) => (b < a ? b : a), offsets[0] ?? 0n);
  const streams = readers.map((reader) => {
    const machine = boots.indexOf(reader.header.boot);
    return { reader, place: ofMachine(machine, Number((offsets[machine] ?? common) - common)) };
  });
  const [only] = streams;
  return {
    wallOffset: common,
    batches: () =>
      only !== undefined && streams.length === 1
        ? only.reader.batches()
        : inOrder(streams.map(({ reader, place }) => new Stream(reader.batches(), place))),
  };
}

/** Recordings of one machine have one clock; what its wall clock drifted between them must not part them. */
const offsetOf = (headers: readonly RecordingHeader[], boot: string): bigint => {
  const header = headers.find((h) => h.boot === boot);
  return header === undefined ? 0n : wallOffset(header);
};

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
