import * as z from 'zod';
import { clean } from './clean.ts';
import { FORMAT, VERSION } from './recording.ts';
import type { RecordingEnd, RecordingHeader } from './recording.ts';
import { nameEventSchema } from './schema.ts';
import type { Frozen } from './schema.ts';

const name = z.string().transform((text) => clean(text, 256));

export const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  nathop: name,
  node: name,
  boot: name,
  kernel: name,
  bpftrace: name.exactOptional(),
  probes: z.object({
    set: z.enum(['tracepoint', 'precise']),
    level: z.enum(['path', 'nat']),
    missing: z.array(name).max(1000),
  }),
  clocks: z.object({ monotonicNs: z.int().min(0), wallNs: z.string().regex(/^\d{1,20}$/) }),
  filter: name.exactOptional(),
  names: z.array(nameEventSchema),
});

export const endSchema = z.object({ kind: z.literal('end'), events: z.int().min(0) });

// The schemas and the types say the same, or this does not compile.
type Header = Frozen<z.infer<typeof headerSchema>>;
type End = Frozen<z.infer<typeof endSchema>>;
true satisfies [Header, RecordingHeader] extends [RecordingHeader, Header] ? true : never;
true satisfies [End, RecordingEnd] extends [RecordingEnd, End] ? true : never;
