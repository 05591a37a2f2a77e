/** `nathop schema diff`: what one line of `nathop diff -o json` is. */
import * as z from 'zod';
import { ruleSchema } from '../schema.ts';

const asked = z
  .object({
    protocol: z.enum(['tcp', 'udp', 'sctp', 'icmp']),
    from: z.string().describe('Kind and name of the client; of one outside the network: /24, /64.'),
    service: z.string().exactOptional().describe('namespace/name:port, where a Service was dialled.'),
    to: z.string().describe('The address and port dialled; a pod dialled directly goes by its name.'),
    what: z.string().exactOptional().describe('Method, host and path, or the name looked up.'),
  })
  .meta({ id: 'Asked' });

const counted = z.object({
  value: z.string(),
  before: z.int().describe('Requests of which it was so.'),
  after: z.int(),
  change: z
    .enum(['gone', 'new', 'share', 'same'])
    .describe('share: in both, in a share that chance seldom gives.'),
  mayBeChance: z.boolean().describe('In so few requests that chance may explain it.'),
});

const spread = z
  .object({ count: z.int(), medianMs: z.number(), p25Ms: z.number(), p75Ms: z.number(), p95Ms: z.number() })
  .meta({ id: 'Spread' });

const timing = z.object({
  before: spread.exactOptional(),
  after: spread.exactOptional(),
  change: z.enum(['slower', 'faster', 'same', 'too-few']),
});

export const comparisonSchema = z
  .object({
    v: z.literal(1),
    asked,
    askedBefore: asked
      .exactOptional()
      .describe('Where it was asked at another address, or from another node.'),
    change: z
      .enum(['differs', 'within-chance', 'only-before', 'only-after', 'same'])
      .describe('within-chance: differs in what so few requests show that chance may explain it.'),
    requests: z.object({ before: z.int(), after: z.int() }),
    clientIp: z.array(counted).describe("What became of the client's address, where and why."),
    outcome: z.array(counted).describe('The failure, or answered, or open.'),
    httpStatus: z.array(counted),
    way: z.array(counted.extend({ steps: z.array(z.string()) })).describe('Places, and what was done there.'),
    rules: z.array(counted.extend({ place: z.string(), rule: ruleSchema })),
    server: z.array(counted).describe('Who served.'),
    times: z.object({
      connect: timing
        .exactOptional()
        .describe('From the SYN to the SYN-ACK, as near to the client as is probed.'),
      firstByte: timing.exactOptional(),
      duration: timing.exactOptional().describe('Of closed connections.'),
    }),
  })
  .meta({ title: 'nathop diff', description: 'One kind of request: one line of `nathop diff -o json`.' });

export type ComparisonLine = z.infer<typeof comparisonSchema>;

export const comparisonJsonSchema = (): unknown => z.toJSONSchema(comparisonSchema);
