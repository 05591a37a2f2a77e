/** `nathop schema`: what the JSON output is, for programs that read it. */
import * as z from 'zod';
import type { Request } from '../trace/request.ts';

const endpoint = z
  .object({
    ip: z.string(),
    port: z.int().exactOptional().describe('Absent for ICMP.'),
    kind: z.enum(['pod', 'service', 'node', 'external', 'host', 'unknown']),
    name: z.string().exactOptional().describe('namespace/name, or the best name the machine itself tells.'),
    node: z.string().exactOptional(),
    portName: z.string().exactOptional(),
    container: z
      .string()
      .exactOptional()
      .describe("The pod's container, where it has one alone or the process tells which."),
    stale: z
      .literal(true)
      .exactOptional()
      .describe("The name is as the Kubernetes API told it before it went away; it may be another's by now."),
  })
  .meta({ id: 'Endpoint' });

const ends = z
  .object({ src: z.string().describe('10.0.0.1:80 or [::1]:80'), dst: z.string() })
  .meta({ id: 'Ends' });

export const ruleSchema = z
  .object({
    family: z.enum(['ip', 'ip6', 'inet']),
    table: z.string(),
    chain: z.string().describe('Where the rule stands.'),
    via: z.array(z.string()).describe('Chains jumped through to get there, the built-in one first.'),
    text: z.string().describe('The rule as its own tool prints it.'),
    comment: z.string().exactOptional(),
    service: z.string().exactOptional().describe('namespace/name:port of the Service it serves.'),
    unknownMatches: z
      .array(z.string())
      .exactOptional()
      .describe('Matches on the way to it of which nothing is known: it may be another rule.'),
    source: z
      .enum(['kernel', 'rules'])
      .exactOptional()
      .describe('Seen to run, or concluded from the texts; absent where only the texts are known.'),
  })
  .meta({ id: 'Rule' });

const hop = z
  .object({
    leg: z.int(),
    kind: z.enum(['device', 'dnat', 'snat', 'masquerade', 'redirect', 'proxy', 'deliver', 'drop', 'reject']),
    node: z.string().exactOptional(),
    netns: z.object({ inum: z.int(), name: z.string().exactOptional() }).exactOptional(),
    hook: z.enum(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']).exactOptional(),
    hookObserved: z
      .boolean()
      .exactOptional()
      .describe("False where the hook follows from the packet's direction."),
    device: z.object({ in: z.string().exactOptional(), out: z.string().exactOptional() }).exactOptional(),
    before: ends.exactOptional(),
    after: ends.exactOptional(),
    rule: ruleSchema.exactOptional(),
    evaluated: z
      .object({ comment: z.string().exactOptional(), chains: z.array(z.string()) })
      .exactOptional()
      .describe(
        'What the kernel came by last before it did this: a comment, chains of nf_tables. May be cut.',
      ),
    markedBy: ruleSchema
      .exactOptional()
      .describe('Of a source rewritten because of a mark: the rule that had the packet marked.'),
    atMs: z.number().exactOptional().describe("Milliseconds since the request's first packet was seen."),
    process: z.object({ pid: z.int(), comm: z.string() }).exactOptional(),
    observed: z.boolean().describe('False: inferred; `inferred` of the request says why.'),
  })
  .meta({ id: 'Hop' });

const whatIf = z
  .object({
    computed: z.literal(true).describe('Worked out from rules and objects, never seen.'),
    outcome: z.enum(['delivered', 'dropped', 'unknown']),
    clientIp: z.enum(['preserved', 'lost']).exactOptional().describe('Of what is delivered.'),
    servers: z.array(z.string()).exactOptional().describe('ip:port; it would be any of these.'),
    text: z.string(),
  })
  .meta({ id: 'WhatIf' });

const remedy = z
  .object({
    kind: z.enum([
      'external-traffic-policy',
      'internal-traffic-policy',
      'another-node',
      'proxy-protocol',
      'forwarded-header',
      'dial-directly',
      'kube-proxy-setting',
      'network-setting',
      'host-network',
      'rule',
    ]),
    text: z.string(),
    breaks: z.string().describe('What it would break in this cluster, as far as that is known.'),
    whatIf: whatIf.exactOptional().describe('What this very request would meet after the change.'),
  })
  .meta({ id: 'Remedy' });

const clientIp = z.object({
  verdict: z.enum(['preserved', 'lost', 'carried', 'forged-or-stale', 'unknown']),
  lostAtHop: z.int().exactOptional().describe('Index into hops.'),
  cause: z
    .enum([
      'masquerade-external-traffic-policy',
      'masquerade-hairpin',
      'masquerade-off-cluster',
      'masquerade-all',
      'masquerade-cni-outgoing',
      'masquerade-hostport',
      'snat-rule',
      'proxy',
      'load-balancer',
    ])
    .exactOptional(),
  responsible: z
    .object({
      object: z.string().describe('Service default/web, kube-proxy, ConfigMap kube-system/ip-masq-agent'),
      field: z.string().exactOptional().describe('spec.externalTrafficPolicy'),
      value: z.string().exactOptional(),
    })
    .exactOptional()
    .describe('What has the say over the loss.'),
  carriers: z
    .array(
      z.object({
        kind: z.enum(['x-forwarded-for', 'x-real-ip', 'forwarded', 'proxy-protocol']),
        values: z.array(z.string()),
        leg: z.int().describe('The leg on which it was sent.'),
        isClient: z.boolean().describe('Whether it names the client that layer 4 shows.'),
        entries: z
          .array(
            z.object({
              value: z.string(),
              from: z.enum(['client-itself', 'proxy']).describe('Who put it there.'),
              addedBy: z.string().exactOptional().describe('Name of the proxy.'),
            }),
          )
          .exactOptional(),
      }),
    )
    .describe("What the legs' heads say of who asked."),
  text: z.string(),
  remedies: z.array(remedy).describe('What would bring it to the server; the nearest first.'),
});

const http = z
  .object({
    method: z.string(),
    host: z.string().exactOptional(),
    path: z.string(),
    status: z.int().exactOptional(),
    requestId: z.string().exactOptional(),
    tls: z.boolean().describe("The client's own connection was TLS; this was read behind its end."),
    sni: z.string().exactOptional().describe('The name asked for in the TLS ClientHello.'),
    firstByteMs: z.number().exactOptional().describe("From the request's first byte to the response's."),
  })
  .meta({ id: 'Http' });

const dns = z.object({
  name: z.string(),
  type: z.string(),
  rcode: z.string().exactOptional(),
  answers: z.array(z.string()),
  resolver: endpoint.exactOptional().describe('The address asked.'),
  server: endpoint.exactOptional().describe('Who answered.'),
  id: z.string().exactOptional().describe('The id of the look-up, which is a request of its own.'),
  tried: z
    .array(z.object({ name: z.string(), type: z.string(), rcode: z.string().exactOptional() }))
    .exactOptional()
    .describe('Names tried before, by the search list.'),
  durationMs: z.number().exactOptional(),
});

const leg = z.object({
  client: endpoint,
  dialled: endpoint,
  server: endpoint.exactOptional(),
  sourceSeenByServer: endpoint.exactOptional(),
  http: http.exactOptional(),
  atMs: z.number().exactOptional(),
  joinedBy: z
    .object({
      evidence: z.enum([
        'request-id',
        'trace-id',
        'forwarded-header',
        'proxy-header',
        'process',
        'pod-and-time',
      ]),
      text: z.string(),
    })
    .exactOptional()
    .describe('What ties it to the leg before; absent for the first.'),
});

const failure = z.object({
  kind: z.enum([
    'refused',
    'rejected-no-endpoints',
    'rejected-by-rule',
    'dropped-by-rule',
    'dropped-by-kernel',
    'no-local-endpoint',
    'unanswered',
    'reset',
    'conntrack-full',
    'conntrack-clash',
    'stale-conntrack',
    'asymmetric-reply',
    'dns-nxdomain',
    'dns-unanswered',
    'proxy-protocol-mismatch',
  ]),
  detail: z
    .enum([
      'no-listener',
      'unknown-port',
      'unassigned-cluster-ip',
      'source-ranges',
      'network-policy',
      'no-endpoints',
      'no-pods',
      'not-ready',
      'terminating',
      'no-route',
      'reverse-path',
      'neighbour-failed',
      'queue-full',
      'hairpin-off',
      'too-big',
      'not-delivered',
      'delivered',
      'left-the-trace',
      'answer-lost',
      'stopped-midway',
      'other-way',
      'not-translated-back',
      'answer-dropped',
      'by-server',
      'by-client',
      'by-middle',
      'entry-gone',
      'ports-exhausted',
      'same-tuple',
      'search-list',
      'not-expected',
      'missing-header',
      'bad-header',
    ])
    .exactOptional()
    .describe('What tells failures of one kind apart.'),
  atHop: z.int().exactOptional().describe('Index into hops.'),
  atReplyHop: z
    .int()
    .exactOptional()
    .describe('Index into replyHops, where the answer did not come through.'),
  reason: z.string().describe('What the kernel or the packet said.'),
  text: z.string(),
  evidence: z.array(z.string()).describe('The events that speak for it, with times and places.'),
  next: z.string().describe('What a person can do next.'),
});

const clock = z.object({
  node: z.string(),
  by: z
    .enum(['packets', 'wall'])
    .describe('By packets that several of them saw, beside the first; or by its wall clock.'),
  uncertaintyMs: z.number().exactOptional().describe('What atMs of its hops may be off, either way.'),
  handshakes: z.int().exactOptional().describe('How many connections say so.'),
});

export const requestSchema = z.object({
  v: z.literal(1),
  id: z.string().describe('Stable: the same recording gives the same ids.'),
  startedAt: z
    .string()
    .exactOptional()
    .describe('UTC, to the microsecond. Absent for a connection older than the trace.'),
  durationMs: z.number().exactOptional(),
  protocol: z.enum(['tcp', 'udp', 'sctp', 'icmp']),
  state: z.enum(['open', 'established', 'closed', 'refused', 'rejected', 'dropped', 'unanswered']),
  client: endpoint.describe('Who asked.'),
  dialled: endpoint.describe('The address it asked for.'),
  server: endpoint.exactOptional().describe('Who served.'),
  sourceSeenByServer: endpoint.exactOptional().describe('What getpeername() gives the server.'),
  hops: z.array(hop).describe("In order, the first packet's way."),
  replyHops: z.array(hop),
  clientIp,
  http: http.exactOptional(),
  tls: z
    .object({ sni: z.string().exactOptional(), alpn: z.array(z.string()) })
    .exactOptional()
    .describe("What the client's TLS ClientHello asked for."),
  dns: dns.exactOptional().describe('The look-up that gave the dialled address, or that this is.'),
  legs: z.array(leg).exactOptional().describe('Where there are several: one a connection, in order.'),
  failure: failure.exactOptional(),
  retransmits: z.int(),
  inferred: z.array(z.string()).describe('What is not observed but concluded, and from what.'),
  lostEvents: z.int().describe('Events lost that may have belonged to it.'),
  clocks: z
    .array(clock)
    .exactOptional()
    .describe(
      'Where machines with clocks of their own saw parts of it: how their times were brought together.',
    ),
});

// The schema and the type say the same, or this does not compile.
type Same<A, B> = [A, B] extends [B, A] ? true : never;
true satisfies Same<z.infer<typeof requestSchema>, Request>;

/** What a line may hold besides the request. */
const line = requestSchema
  .extend({
    story: z.array(z.string()).exactOptional().describe('`nathop explain` alone: the request in words.'),
    unmet: z
      .array(z.string())
      .exactOptional()
      .describe('With --expect alone: what was expected of it and is not so.'),
  })
  .meta({ title: 'nathop request', description: 'One line of `nathop trace -o json`.' });

export const jsonSchema = (): unknown => z.toJSONSchema(line);
