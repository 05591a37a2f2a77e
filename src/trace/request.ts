/**
 * What the engine gives out: the request as `nathop schema` documents it, field for field the JSON of the
 * contract. A field that is not known is absent.
 */
import type { HookName } from '../events/event.ts';
import type { Protocol } from '../events/tuple.ts';

export type State = 'open' | 'established' | 'closed' | 'refused' | 'rejected' | 'dropped' | 'unanswered';

export type EndpointKind = 'pod' | 'service' | 'node' | 'external' | 'host' | 'unknown';

export interface Endpoint {
  ip: string;
  /** Absent for ICMP. */
  port?: number;
  kind: EndpointKind;
  /** `namespace/name`, or the best name the machine itself tells. */
  name?: string;
  node?: string;
  portName?: string;
  /** The pod's container, where it has one alone or the process tells which. */
  container?: string;
  /** The name is as the API told it before it went away; it may be another's by now. */
  stale?: true;
}

export type Hook = HookName;
export type HopKind =
  'device' | 'dnat' | 'snat' | 'masquerade' | 'redirect' | 'proxy' | 'deliver' | 'drop' | 'reject';

/** `10.0.0.1:80` or `[::1]:80`. */
export interface Ends {
  src: string;
  dst: string;
}

export type RuleFamily = 'ip' | 'ip6' | 'inet';

export interface Rule {
  family: RuleFamily;
  table: string;
  /** Where the rule that did it stands. */
  chain: string;
  /** Chains jumped through to get there, first the built-in one. */
  via: string[];
  /** The rule as its own tool prints it. */
  text: string;
  comment?: string;
  /** `namespace/name:port` of the Service it serves. */
  service?: string;
  /** Matches on the way to it of which nothing is known and which were taken to match: it may be another rule. */
  unknownMatches?: string[];
  /** The kernel was seen to run it, or it is concluded from the rules alone. Absent where the kernel is not asked. */
  source?: 'kernel' | 'rules';
}

export interface Hop {
  leg: number;
  kind: HopKind;
  node?: string;
  netns?: { inum: number; name?: string };
  hook?: Hook;
  /** False where the hook follows from the packet's direction; absent where there is no hook. */
  hookObserved?: boolean;
  device?: { in?: string; out?: string };
  before?: Ends;
  after?: Ends;
  rule?: Rule;
  /** Of snat and masquerade by a mark: the rule that had the packet marked. */
  markedBy?: Rule;
  /** What the kernel came by last before it did this: a rule's comment, chains of nf_tables. */
  evaluated?: { comment?: string; chains: string[] };
  /** Milliseconds since the request's first packet was seen. */
  atMs?: number;
  process?: { pid: number; comm: string };
  observed: boolean;
}

export type Verdict = 'preserved' | 'lost' | 'carried' | 'forged-or-stale' | 'unknown';

export type LossCause =
  | 'masquerade-external-traffic-policy'
  | 'masquerade-hairpin'
  | 'masquerade-off-cluster'
  | 'masquerade-all'
  | 'masquerade-cni-outgoing'
  | 'masquerade-hostport'
  | 'snat-rule'
  | 'proxy'
  | 'load-balancer';

/** One value of a header, and who put it there. */
export interface CarriedEntry {
  value: string;
  from: 'client-itself' | 'proxy';
  /** Name of the proxy. */
  addedBy?: string;
}

export interface Carrier {
  kind: 'x-forwarded-for' | 'x-real-ip' | 'forwarded' | 'proxy-protocol';
  /** As the head names them, first to last. */
  values: string[];
  /** The leg on which it was sent. */
  leg: number;
  /** Whether what a server is expected to take from it is the client that layer 4 shows. */
  isClient: boolean;
  /** Of headers: its values one by one. */
  entries?: CarriedEntry[];
}

export interface ClientIp {
  verdict: Verdict;
  /** Index into hops. */
  lostAtHop?: number;
  cause?: LossCause;
  /** What has the say over it. */
  responsible?: Responsible;
  /** What the legs' heads say of who asked, in the order of the legs. */
  carriers: Carrier[];
  text: string;
  /** The nearest first. */
  remedies: Remedy[];
}

/** An object of the API, or a program, and the field of it that decides. */
export interface Responsible {
  /** `Service default/web`, `kube-proxy`, `ConfigMap kube-system/ip-masq-agent`. */
  object: string;
  field?: string;
  value?: string;
}

export type RemedyKind =
  | 'external-traffic-policy'
  | 'internal-traffic-policy'
  | 'another-node'
  | 'proxy-protocol'
  | 'forwarded-header'
  | 'dial-directly'
  | 'kube-proxy-setting'
  | 'network-setting'
  | 'host-network'
  | 'rule';

/** Something that would bring the client's address to the server. */
export interface Remedy {
  kind: RemedyKind;
  text: string;
  /** What it would break in this cluster, as far as it is known. */
  breaks: string;
  whatIf?: WhatIf;
}

/** What this very request would meet after the change: worked out from rules and objects, never seen. */
export interface WhatIf {
  computed: true;
  outcome: 'delivered' | 'dropped' | 'unknown';
  /** Of what is delivered. */
  clientIp?: 'preserved' | 'lost';
  /** Where it would be delivered: `ip:port`, any of these. */
  servers?: string[];
  text: string;
}

export type FailureKind =
  | 'refused'
  | 'rejected-no-endpoints'
  | 'rejected-by-rule'
  | 'dropped-by-rule'
  | 'dropped-by-kernel'
  | 'no-local-endpoint'
  | 'unanswered'
  | 'reset'
  | 'conntrack-full'
  | 'conntrack-clash'
  | 'stale-conntrack'
  | 'asymmetric-reply'
  | 'dns-nxdomain'
  | 'dns-unanswered'
  | 'proxy-protocol-mismatch';

/** What tells failures of one kind apart. */
export type FailureDetail =
  // refused
  | 'no-listener'
  // rejected-by-rule, dropped-by-rule
  | 'unknown-port'
  | 'unassigned-cluster-ip'
  | 'source-ranges'
  | 'network-policy'
  | 'no-endpoints'
  // rejected-no-endpoints
  | 'no-pods'
  | 'not-ready'
  | 'terminating'
  // dropped-by-kernel
  | 'no-route'
  | 'reverse-path'
  | 'neighbour-failed'
  | 'queue-full'
  | 'hairpin-off'
  | 'too-big'
  // unanswered: how far the packets got
  | 'not-delivered'
  | 'delivered'
  | 'left-the-trace'
  | 'answer-lost'
  // a connection that stood, and stands still
  | 'stopped-midway'
  // asymmetric-reply
  | 'other-way'
  | 'not-translated-back'
  // the answer, not the packet, was dropped
  | 'answer-dropped'
  // reset
  | 'by-server'
  | 'by-client'
  | 'by-middle'
  | 'entry-gone'
  // conntrack-clash
  | 'ports-exhausted'
  | 'same-tuple'
  // dns-nxdomain
  | 'search-list'
  // proxy-protocol-mismatch
  | 'not-expected'
  | 'missing-header'
  | 'bad-header';

export interface Failure {
  kind: FailureKind;
  detail?: FailureDetail;
  /** Index into hops. */
  atHop?: number;
  /** Index into replyHops, where it is the answer that did not come through. */
  atReplyHop?: number;
  /** What the kernel or the packet said: a drop reason, an ICMP code, an errno. */
  reason: string;
  text: string;
  /** The events that speak for it, in words, with times and places. */
  evidence: string[];
  /** What a person can do next. */
  next: string;
}

export interface Http {
  method: string;
  host?: string;
  /** Without its query, unless queries are kept. */
  path: string;
  status?: number;
  requestId?: string;
  /** The client's own connection was TLS: what is told here was read behind the proxy that ended it. */
  tls: boolean;
  /** The name asked for in the TLS ClientHello. */
  sni?: string;
  /** From the request's first byte to the response's, where both were seen on the first leg. */
  firstByteMs?: number;
}

export interface Dns {
  name: string;
  type: string;
  rcode?: string;
  answers: string[];
  /** Who answered, as the one who asked sees it, and the pod behind it. */
  resolver?: Endpoint;
  server?: Endpoint;
  /** The look-up before the dial is a request of its own; its id. */
  id?: string;
  /** Names tried before, by the search list, and what came of them. */
  tried?: { name: string; type: string; rcode?: string }[];
  durationMs?: number;
}

export type JointEvidence =
  'request-id' | 'trace-id' | 'forwarded-header' | 'proxy-header' | 'process' | 'pod-and-time';

/** One connection of a request, and why it is thought to be of it. */
export interface Leg {
  client: Endpoint;
  dialled: Endpoint;
  server?: Endpoint;
  sourceSeenByServer?: Endpoint;
  http?: Http;
  /** Milliseconds since the request's first packet. */
  atMs?: number;
  /** What ties it to the leg before; absent for the first. */
  joinedBy?: { evidence: JointEvidence; text: string };
}

export interface Request {
  v: 1;
  id: string;
  /** Absent for a connection older than the trace. */
  startedAt?: string;
  durationMs?: number;
  protocol: Protocol;
  state: State;
  client: Endpoint;
  dialled: Endpoint;
  server?: Endpoint;
  sourceSeenByServer?: Endpoint;
  hops: Hop[];
  replyHops: Hop[];
  clientIp: ClientIp;
  http?: Http;
  /** What the client's TLS ClientHello asked for. */
  tls?: { sni?: string; alpn: string[] };
  dns?: Dns;
  /** Where there are several; hops say their leg by its index. */
  legs?: Leg[];
  failure?: Failure;
  /** TCP segments and first packets seen again. */
  retransmits: number;
  inferred: string[];
  lostEvents: number;
  /** Where machines with clocks of their own saw parts of it: how their times were brought together. */
  clocks?: Clock[];
}

export interface Clock {
  node: string;
  /** By packets that several of them saw, beside the first; or by its wall clock. */
  by: 'packets' | 'wall';
  /** What `atMs` of its hops may be off, either way. */
  uncertaintyMs?: number;
  /** How many connections say so. */
  handshakes?: number;
}
