import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pcapHeader, PcapReader, writePcapRecord } from '../../../src/sources/capture/pcap.ts';

interface Kept {
  readonly linkType: number;
  readonly at: number;
  readonly data: string;
  readonly length: number;
}

function read(chunks: readonly Buffer[]): { records: Kept[]; fault: string | undefined } {
  const records: Kept[] = [];
  const reader = new PcapReader(({ data, ...rest }) => records.push({ ...rest, data: data.toString('hex') }));
  for (const chunk of chunks) {
    // As a socket does that reads into the same memory again.
    const lent = Buffer.from(chunk);
    reader.push(lent);
    lent.fill(0xee);
  }
  return { records, fault: reader.fault };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

/** By hand, in either byte order and unit. */
function stream(
  packets: readonly { seconds: number; units: number; data: Buffer; more: number }[],
  { big, nanoseconds, linkType }: { big: boolean; nanoseconds: boolean; linkType: number },
): Buffer {
  const u32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, i) =>
      big ? bytes.writeUInt32BE(value, 4 * i) : bytes.writeUInt32LE(value, 4 * i),
    );
    return bytes;
  };
  const version = big ? 0x0002_0004 : 0x0004_0002;
  const records = packets.map(({ seconds, units, data, more }) =>
    Buffer.concat([u32(seconds, units, data.length, data.length + more), data]),
  );
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  return Buffer.concat([u32(magic, version, 0, 0, 2048, linkType), ...records]);
}

const packets = fc.array(
  fc.record({
    seconds: fc.nat(2 ** 31 - 1),
    units: fc.nat(999_999),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    more: fc.nat(1000),
  }),
  { maxLength: 20 },
);

describe('a pcap stream', () => {
  it('gives its records, in either byte order and unit, however it is split', () => {
    const format = fc.record({
      big: fc.boolean(),
      nanoseconds: fc.boolean(),
      linkType: fc.constantFrom(113, 276),
    });
    fc.assert(
      fc.property(packets, format, fc.array(fc.nat(8000), { maxLength: 10 }), (sent, how, cuts) => {
        const bytes = stream(sent, how);
        const places = cuts.map((cut) => cut % (bytes.length + 1));
        expect(read(split(bytes, places))).toEqual({
          fault: undefined,
          records: sent.map(({ seconds, units, data, more }) => ({
            linkType: how.linkType,
            at: seconds * 1e9 + units * (how.nanoseconds ? 1 : 1000),
            data: data.toString('hex'),
            length: data.length + more,
          })),
        });
      }),
    );
  });

  it('is read as it was written by us', () => {
    const packet = Buffer.from('a packet');
    const bytes = Buffer.alloc(200);
    const at = 1_234_567_890_123_456n;
    const end = writePcapRecord(bytes, 0, { at, data: packet, captured: 5, length: 8 });
    const whole = Buffer.concat([pcapHeader(113, 2048), bytes.subarray(0, end)]);
    expect(read([whole]).records).toEqual([
      { linkType: 113, at: Number(at), data: Buffer.from('a pac').toString('hex'), length: 8 },
    ]);
  });

  it('that is none is left alone, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (chunks) => {
        const { records } = read(chunks.map((bytes) => Buffer.from(bytes)));
        expect(records).toEqual([]);
      }),
    );
    expect(read([Buffer.from('listening on any, link-type LINUX_SLL2')]).fault).toBe('not a pcap stream');
  });

  it('does not throw at whatever stands where records should, and waits for no record that cannot be', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(2000)), (bytes, cuts) => {
        const whole = Buffer.concat([pcapHeader(113, 2048), bytes]);
        read(
          split(
            whole,
            cuts.map((cut) => cut % (whole.length + 1)),
          ),
        );
      }),
    );
    const record = Buffer.alloc(16, 0);
    record.writeUInt32LE(262_145, 8);
    expect(read([pcapHeader(113, 2048), record]).fault).toBe('a record that is too long');
  });
});
