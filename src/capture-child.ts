/**
 * A process of its own that captures in the namespace it stands in: libpcap's binding aborts when a device goes away
 * under it, and none of that may touch the tracer. Writes a pcap stream with stamps of the monotonic clock on stdout,
 * and lines `missed N` on stderr. Ends by a signal, or when nobody reads any more.
 *
 *   capture-child.js check                         status 0 where the binding loads
 *   capture-child.js any|no-own-loopback RING_MB   captures
 */
import type * as cap from 'cap';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { captureFilter } from './sources/capture/filter.ts';
import { LINKTYPE_LINUX_SLL, pcapHeader, writePcapRecord } from './sources/capture/pcap.ts';
import { CUT, UNLOADED } from './sources/capture/child-words.ts';

/** What waits to be read; beyond it packets are left out and counted. */
const QUEUE_LIMIT = 8 << 20;
const BATCH = 256 << 10;
const RECORD_HEADER = 16;
/** A slot of the ring holds the longest packet there is. */
const SLOTS_PER_MB = 15;

const [what = '', ringMb = ''] = process.argv.slice(2);
const { Cap } = load();
if (what !== 'check') capture(what === 'no-own-loopback', Number(ringMb));

function load(): typeof cap {
  try {
    return createRequire(import.meta.url)('cap') as typeof cap;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(UNLOADED);
  }
}

/** It has little to do and no time to lose: packets are stamped when they are taken. */
function goFirst(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch {
    // Without CAP_SYS_NICE, as in a container: the stamps are a little later on a busy machine.
  }
}

function capture(withoutOwnLoopback: boolean, ring: number): void {
  goFirst();
  const out = new Socket({ fd: 1, readable: false, writable: true });
  out.on('error', () => process.exit(0));
  const source = new Cap();
  // The binding keeps no reference to it.
  const packet = Buffer.alloc(65_535);
  let batch = Buffer.allocUnsafe(BATCH);
  let filled = 0;
  let burst = 0;
  let missed = 0;

  const flush = (): void => {
    if (filled === 0) return;
    out.write(batch.subarray(0, filled));
    batch = Buffer.allocUnsafe(BATCH);
    filled = 0;
  };
  const breathe = (): void => {
    flush();
    // So many at once were waiting in a ring that was full, and more will have found no room in it.
    if (burst >= ring * SLOTS_PER_MB) missed++;
    burst = 0;
    if (missed > 0) process.stderr.write(`missed ${String(missed)}\n`);
    missed = 0;
  };

  source.open('any', captureFilter({ ownLoopback: !withoutOwnLoopback }), ring << 20, packet);
  out.write(pcapHeader(LINKTYPE_LINUX_SLL, CUT));
  source.on('packet', (length) => {
    // The binding goes on as long as there are packets; what is set here runs when it stops.
    if (burst++ === 0) setImmediate(breathe);
    if (out.writableLength > QUEUE_LIMIT) {
      missed++;
      return;
    }
    const captured = Math.min(length, CUT);
    if (filled + RECORD_HEADER + captured > BATCH) flush();
    filled = writePcapRecord(batch, filled, {
      at: process.hrtime.bigint(),
      data: packet,
      captured,
      length,
    });
  });
}
