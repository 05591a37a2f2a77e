/**
 * The classic pcap format (draft-ietf-opsawg-pcap) as a stream: the capture child's, tcpdump's, a file's. Both byte
 * orders, microseconds and nanoseconds.
 */

export interface PcapRecord {
  /** LINKTYPE_* of the whole stream. */
  readonly linkType: number;
  /** The stamp, in nanoseconds of the clock of whoever wrote it; wall time is exact to 256 ns. */
  readonly at: number;
  /** What was captured of the packet; valid during the call alone. */
  readonly data: Buffer;
  /** What the packet had. */
  readonly length: number;
}

export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_LINUX_SLL2 = 276;

const HEADER = 24;
const RECORD = 16;
/** libpcap's MAXIMUM_SNAPLEN: a longer record is none. */
const LONGEST = 262_144;
const MAGIC = 0xa1b2c3d4;
const MAGIC_NS = 0xa1b23c4d;
const NO_BYTES = Buffer.alloc(0);

/** Where a stream breaks, nothing behind it can be found again. */
export type PcapFault = 'not a pcap stream' | 'a record that is too long';

export class PcapReader {
  /** Set once the stream cannot be read any further; what comes is left alone. */
  fault: PcapFault | undefined;
  private readonly take: (record: PcapRecord) => void;
  /** The beginning of what is not complete yet: less than a record. */
  private rest: Buffer = NO_BYTES;
  private format: Format | undefined;

  constructor(take: (record: PcapRecord) => void) {
    this.take = take;
  }

  push(chunk: Buffer): void {
    if (this.fault !== undefined) return;
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const read = this.read(bytes);
    // A copy, since who gave the chunk may use its memory again.
    this.rest = read === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(read));
  }

  /** @returns how far it came */
  private read(bytes: Buffer): number {
    let position = 0;
    if (this.format === undefined) {
      if (bytes.length < HEADER) return 0;
      this.format = formatOf(bytes);
      position = HEADER;
    }
    const { format } = this;
    if (format === undefined) {
      this.fault = 'not a pcap stream';
      return bytes.length;
    }
    const { u32, nsPerUnit, linkType } = format;
    while (bytes.length - position >= RECORD) {
      const captured = u32(bytes, position + 8);
      if (captured > LONGEST) {
        this.fault = 'a record that is too long';
        return bytes.length;
      }
      const end = position + RECORD + captured;
      if (end > bytes.length) break;
      const at = u32(bytes, position) * 1e9 + u32(bytes, position + 4) * nsPerUnit;
      const data = bytes.subarray(position + RECORD, end);
      this.take({ linkType, at, data, length: Math.max(captured, u32(bytes, position + 12)) });
      position = end;
    }
    return position;
  }
}

interface Format {
  readonly u32: (bytes: Buffer, at: number) => number;
  readonly nsPerUnit: number;
  readonly linkType: number;
}

function formatOf(bytes: Buffer): Format | undefined {
  for (const u32 of [littleEndian, bigEndian]) {
    const magic = u32(bytes, 0);
    if (magic !== MAGIC && magic !== MAGIC_NS) continue;
    // The upper bits tell of frame check sequences, which a cooked capture has none of.
    return { u32, nsPerUnit: magic === MAGIC_NS ? 1 : 1_000, linkType: u32(bytes, 20) & 0xffff };
  }
  return undefined;
}

const littleEndian = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at);
const bigEndian = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at);

/** What a stream of ours begins with: this machine's nanoseconds, cooked packets. */
export function pcapHeader(linkType: number, snapLength: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(MAGIC_NS, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

/** Room for `captured` bytes of a packet behind the record's header. @returns where the next record begins */
export function writePcapRecord(
  into: Buffer,
  position: number,
  { at, data, captured, length }: { at: bigint; data: Buffer; captured: number; length: number },
): number {
  into.writeUInt32LE(Number(at / 1_000_000_000n), position);
  into.writeUInt32LE(Number(at % 1_000_000_000n), position + 4);
  into.writeUInt32LE(captured, position + 8);
  into.writeUInt32LE(length, position + 12);
  data.copy(into, position + RECORD, 0, captured);
  return position + RECORD + captured;
}
