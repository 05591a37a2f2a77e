/**
 * Events as a recording holds them, checked once where they enter. Files come from other machines and other
 * hands: numbers are bounded, addresses are addresses, names are cleaned.
 */
import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { clean } from './clean.ts';
import type { Event } from './event.ts';

const NAME_LIMIT = 1024;
const LIST_LIMIT = 65_536;

const uint = z.int().min(0);
const u8 = uint.max(0xff);
const u16 = uint.max(0xffff);
const u32 = uint.max(0xffff_ffff);
const name = z.string().transform((text) => clean(text, NAME_LIMIT));
const names = z.array(name).max(LIST_LIMIT);

/** Most events repeat a few addresses; to check each once is most of the cost saved. */
const known = new Map<string, boolean>();
function isAddress(text: string): boolean {
  let valid = known.get(text);
  if (valid === undefined) {
    valid = text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text);
    if (known.size >= 100_000) known.clear();
    known.set(text, valid);
  }
  return valid;
}

const ip = z.string().max(64).refine(isAddress, 'not an address');
const protocol = z.enum(['tcp', 'udp', 'sctp', 'icmp']);
const tuple = z.object({ protocol, src: ip, dst: ip, sport: u16, dport: u16 });
const process = z.object({ pid: uint, comm: name });

const conntrack = z.object({
  pointer: uint,
  info: z.enum(['established', 'related', 'new', 'established-reply', 'related-reply', 'untracked']),
  status: u32,
  mark: u32,
  zone: u16,
  tcpState: u8,
  masqueradeIndex: u32,
  original: tuple,
  reply: tuple,
});

const seen = { at: uint, netns: uint };
const onDevice = { ...seen, ifindex: u32, device: name, inIfindex: u32, skb: uint };

const packet = z.object({
  kind: z.literal('packet'),
  ...onDevice,
  tuple,
  flags: u8,
  seq: u32,
  ack: u32,
  conntrack: conntrack.optional(),
  process: process.optional(),
});

const icmpError = z.object({
  kind: z.literal('icmp-error'),
  ...onDevice,
  family: z.union([z.literal(4), z.literal(6)]),
  type: u8,
  code: u8,
  src: ip,
  dst: ip,
  about: tuple,
  conntrack: conntrack.optional(),
});

const drop = z.object({
  kind: z.literal('drop'),
  ...seen,
  ifindex: u32.exactOptional(),
  device: name.exactOptional(),
  inIfindex: u32,
  skb: uint,
  reason: name,
  location: name,
  length: u32.exactOptional(),
  stack: names,
  tuple,
  flags: u8,
  seq: u32,
  ack: u32,
  conntrack: conntrack.optional(),
  process: process.optional(),
});

const socket = z.object({
  kind: z.literal('socket'),
  ...seen,
  what: z.enum(['dial-failed', 'delivered']),
  tuple,
  error: z.int(),
  process: process.optional(),
});

const retransmit = z.object({
  kind: z.literal('retransmit'),
  ...seen,
  tuple,
  timeouts: u32.exactOptional(),
  length: u32.exactOptional(),
  unacked: u32.exactOptional(),
});

const ofEntry = {
  ...seen,
  pointer: uint,
  zone: u16,
  original: tuple,
  hook: z.enum(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']),
  evaluated: z.object({ comment: name.exactOptional(), chains: z.array(name).max(2), entered: u32 }),
};

const nat = z.object({
  kind: z.literal('nat'),
  ...ofEntry,
  manip: z.enum(['source', 'destination']),
  what: z.enum(['address', 'masquerade', 'redirect', 'ipvs']),
  inIfindex: u32,
  outIfindex: u32,
});

const verdict = z.object({ kind: z.literal('verdict'), ...ofEntry });

const refusedEntry = z.object({
  kind: z.literal('entry-refused'),
  ...seen,
  why: z.enum(['full', 'clash']),
  tuple,
});

const goneEntry = z.object({
  kind: z.literal('entry-gone'),
  ...seen,
  zone: u16,
  why: z.enum(['deleted', 'expired', 'removed']),
  original: tuple,
});

const entry = z.object({
  kind: z.literal('entry'),
  ...seen,
  zone: u16,
  mark: u32,
  state: name,
  assured: z.boolean(),
  replied: z.boolean(),
  original: tuple,
  reply: tuple,
});

const conntrackStats = z.object({
  kind: z.literal('conntrack-stats'),
  ...seen,
  entries: uint,
  max: uint,
  insertFailed: uint,
  drop: uint,
  earlyDrop: uint,
  clashResolved: uint,
  searchRestart: uint,
  invalid: uint,
});

const lost = z.object({
  kind: z.literal('lost'),
  at: uint,
  count: uint,
  where: z.enum(['kernel', 'skipped', 'order', 'line']),
});

const tick = z.object({ kind: z.literal('tick'), at: uint });

const detail = z.object({
  kind: z.literal('detail'),
  at: uint,
  level: z.enum(['path', 'nat']),
  linesPerSecond: z.number(),
});

const probes = z.object({
  kind: z.literal('probes'),
  at: uint,
  set: z.enum(['tracepoint', 'precise']),
  level: z.enum(['path', 'nat']),
  running: z.boolean(),
  missing: names,
  precise: z
    .array(
      z.object({
        what: name,
        by: z.enum(['fentry', 'kprobe', 'tracepoint', 'none']),
        why: name.exactOptional(),
      }),
    )
    .max(LIST_LIMIT)
    .exactOptional(),
});

const link = z.object({
  ifindex: u32,
  name,
  peerIfindex: u32.exactOptional(),
  peerElsewhere: z.boolean().exactOptional(),
  peerNetns: uint.exactOptional(),
  masterIfindex: u32.exactOptional(),
  type: name,
  addresses: names,
});

const listener = z.object({
  protocol,
  ip: z.union([z.literal('*'), ip]),
  port: u16,
  process,
  podUid: name.exactOptional(),
  container: name.exactOptional(),
});
const tenant = z.object({ pid: uint, podUid: name, container: name.exactOptional() });

const clock = z.object({
  kind: z.literal('clock'),
  at: uint,
  machine: u8,
  node: name,
  by: z.enum(['packets', 'wall']),
  uncertainty: z.number().min(0).exactOptional(),
  handshakes: uint.exactOptional(),
});

const netns = z.object({
  kind: z.literal('netns'),
  ...seen,
  name,
  role: z.enum(['node', 'pod', 'host', 'other']),
  node: name.exactOptional(),
  pod: name.exactOptional(),
  podUid: name.exactOptional(),
  containers: names.exactOptional(),
  tenants: z.array(tenant).max(LIST_LIMIT).exactOptional(),
  links: z.array(link).max(LIST_LIMIT),
  listeners: z.array(listener).max(LIST_LIMIT),
});

const netnsGone = z.object({ kind: z.literal('netns-gone'), ...seen });

const rules = z.object({
  kind: z.literal('rules'),
  ...seen,
  syntax: z.enum(['iptables', 'ip6tables', 'nft', 'ipvs', 'ipset']),
  // Of many lines, so cleaned where a line of it is shown.
  text: z.string(),
});

const carried = z.object({
  kind: z.enum(['x-forwarded-for', 'x-real-ip', 'forwarded']),
  values: names,
});
const version = z.enum(['1.0', '1.1']);
/** A request id, a host, a name: nobody's is longer. */
const short = z.string().transform((text) => clean(text, 256));
const peer = z.object({ ip, port: u16 });

const message = z.discriminatedUnion('what', [
  z.object({
    what: z.literal('http-request'),
    version: version.exactOptional(),
    method: short,
    path: name,
    host: short.exactOptional(),
    carried: z.array(carried).max(64),
    requestId: short.exactOptional(),
    traceId: short.exactOptional(),
    bodyBytes: uint.exactOptional(),
    upgrade: short.exactOptional(),
    complete: z.boolean(),
  }),
  z.object({
    what: z.literal('http-response'),
    version,
    status: uint.max(999),
    requestId: short.exactOptional(),
    complete: z.boolean(),
  }),
  z.object({
    what: z.literal('proxy-header'),
    version: z.union([z.literal(1), z.literal(2)]),
    command: z.enum(['proxy', 'local', 'unknown']),
    source: peer.exactOptional(),
    destination: peer.exactOptional(),
    authority: short.exactOptional(),
    uniqueId: short.exactOptional(),
    fault: short.exactOptional(),
    complete: z.boolean(),
  }),
  z.object({
    what: z.literal('tls-hello'),
    sni: short.exactOptional(),
    alpn: z.array(short).max(64),
    complete: z.boolean(),
  }),
  z.object({ what: z.literal('http2-preface') }),
  z.object({
    what: z.literal('dns'),
    id: u16,
    response: z.boolean(),
    name: short,
    type: short,
    rcode: short.exactOptional(),
    answers: z.array(short).max(32),
    truncated: z.literal(true).exactOptional(),
    complete: z.boolean(),
  }),
]);

const head = z.object({ kind: z.literal('head'), ...seen, tuple, seq: u32, ack: u32, message });

const capture = z.object({
  kind: z.literal('capture'),
  at: uint,
  running: z.boolean(),
  missing: names,
});

const headsMissed = z.object({
  kind: z.literal('heads-missed'),
  at: uint,
  count: uint,
  where: z.enum(['kernel', 'cut', 'unread', 'ahead']),
});

const addresses = z.array(ip).max(LIST_LIMIT);
const transport = z.enum(['tcp', 'udp', 'sctp']);
const targetPort = z.union([u16, short]);
const policy = z.enum(['Cluster', 'Local']);
const meta = { name: short, uid: short, version: short };
const namespaced = { ...meta, namespace: short };
const listOf = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item).max(LIST_LIMIT);

const kubeObject = z.discriminatedUnion('resource', [
  z.object({
    resource: z.literal('service'),
    ...namespaced,
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']),
    clusterIPs: addresses,
    externalIPs: addresses,
    loadBalancerIPs: addresses,
    loadBalancerProxyIPs: addresses,
    ports: listOf(
      z.object({
        name: short.exactOptional(),
        protocol: transport,
        port: u16,
        targetPort: targetPort.exactOptional(),
        nodePort: u16.exactOptional(),
        appProtocol: short.exactOptional(),
      }),
    ),
    externalTrafficPolicy: policy.exactOptional(),
    internalTrafficPolicy: policy.exactOptional(),
    sessionAffinity: z.enum(['None', 'ClientIP']),
    loadBalancerSourceRanges: listOf(short),
    healthCheckNodePort: u16.exactOptional(),
    hasSelector: z.boolean(),
  }),
  z.object({
    resource: z.literal('slice'),
    ...namespaced,
    service: short,
    endpoints: listOf(
      z.object({
        addresses,
        ready: z.boolean(),
        serving: z.boolean(),
        terminating: z.boolean(),
        node: short.exactOptional(),
        pod: name.exactOptional(),
      }),
    ),
    ports: listOf(
      z.object({
        name: short.exactOptional(),
        protocol: transport,
        port: u16.exactOptional(),
        appProtocol: short.exactOptional(),
      }),
    ),
  }),
  z.object({
    resource: z.literal('pod'),
    ...namespaced,
    staticUid: short.exactOptional(),
    node: short.exactOptional(),
    podIPs: addresses,
    hostNetwork: z.boolean(),
    phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']),
    ready: z.boolean(),
    containers: listOf(
      z.object({
        name: short,
        id: short.exactOptional(),
        ports: listOf(
          z.object({
            name: short.exactOptional(),
            protocol: transport,
            port: u16,
            hostPort: u16.exactOptional(),
          }),
        ),
      }),
    ),
  }),
  z.object({
    resource: z.literal('node'),
    ...meta,
    addresses,
    podCIDRs: listOf(short),
    ready: z.boolean(),
  }),
  z.object({
    resource: z.literal('ingress'),
    ...namespaced,
    className: short.exactOptional(),
    paths: listOf(
      z.object({
        host: short.exactOptional(),
        path: name.exactOptional(),
        pathType: z.enum(['Exact', 'Prefix', 'ImplementationSpecific']).exactOptional(),
        service: short,
        port: targetPort.exactOptional(),
      }),
    ),
    tlsHosts: listOf(short),
  }),
]);

const kubeResource = z.enum(['service', 'slice', 'pod', 'node', 'ingress']);

const kube = z.object({ kind: z.literal('kube'), at: uint, cluster: short, object: kubeObject });

const kubeGone = z.object({
  kind: z.literal('kube-gone'),
  at: uint,
  cluster: short,
  resource: kubeResource,
  uid: short,
});

const kubeState = z.object({
  kind: z.literal('kube-state'),
  at: uint,
  cluster: short.exactOptional(),
  state: z.enum(['in-step', 'away', 'none']),
  unread: listOf(kubeResource),
  text: name,
});

export const nameEventSchema = z.discriminatedUnion('kind', [
  netns,
  netnsGone,
  rules,
  kube,
  kubeGone,
  kubeState,
]);

export const eventSchema = z.discriminatedUnion('kind', [
  packet,
  icmpError,
  drop,
  socket,
  retransmit,
  nat,
  verdict,
  refusedEntry,
  goneEntry,
  entry,
  conntrackStats,
  lost,
  tick,
  detail,
  probes,
  ...nameEventSchema.options,
  head,
  capture,
  headsMissed,
  clock,
]);

/** As the rest of the program sees what was read: nobody changes it. */
export type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

// The schema and the type say the same, or this does not compile.
type Read = Frozen<z.infer<typeof eventSchema>>;
true satisfies [Read, Event] extends [Event, Read] ? true : never;
