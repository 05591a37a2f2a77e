/**
 * The recording's format: lines of JSON. The first is the header; then one event a line, in the order in which
 * the engine took them; the last is the end mark. Gzip (in members, each whole), zstd or nothing around it.
 */
import type { NameEvent } from './event.ts';

export const FORMAT = 'nathop-recording';
/** Goes up when an older nathop would read the file wrongly. Fields and kinds may be added without. */
export const VERSION = 1;

export interface RecordingHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** Version of the nathop that recorded. */
  readonly nathop: string;
  readonly node: string;
  /** The kernel's boot id: recordings of one boot share clock and namespaces, others do not. */
  readonly boot: string;
  readonly kernel: string;
  /** Absent where it did not say. */
  readonly bpftrace?: string;
  readonly probes: {
    readonly set: 'tracepoint' | 'precise';
    readonly level: 'path' | 'nat';
    readonly missing: readonly string[];
  };
  /** One instant by both clocks: event time plus their difference is wall time. */
  readonly clocks: { readonly monotonicNs: number; readonly wallNs: string };
  /** The filter that chose what to keep; absent where everything was kept. */
  readonly filter?: string;
  /** Namespaces and rule sets known when it began; later ones are events in their place. */
  readonly names: readonly NameEvent[];
}

/** Stands last when the recording was ended and not cut off. */
export interface RecordingEnd {
  readonly kind: 'end';
  readonly events: number;
}

/** Nanoseconds since 1970 of event time 0. */
export const wallOffset = ({ clocks }: Pick<RecordingHeader, 'clocks'>): bigint =>
  BigInt(clocks.wallNs) - BigInt(clocks.monotonicNs);
