/**
 * What the engine asks about names and rules. `cluster/` answers; the engine itself knows none. Answers
 * depend only on the name events taken so far, so a replay gets the same ones.
 */
import type { Evaluated, NameEvent, NetnsId, ProcessRef } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';
import type { Endpoint, Hook, LossCause, Rule } from './request.ts';

/** A rewrite as conntrack shows it, in the namespace where it happened. */
export interface Rewrite {
  kind: 'dnat' | 'redirect' | 'snat' | 'masquerade';
  hook: Hook;
  /** The entry's original tuple: what the first packet was when it came. */
  original: Tuple;
  /** Before and after this very rewrite. */
  before: Tuple;
  after: Tuple;
  /** Device names; absent where sent from here, or not known. */
  inDevice?: string;
  outDevice?: string;
  /** What the kernel came by when it ran the rules, where it is asked. */
  evaluated?: Evaluated;
}

/** A packet that a rule refused or dropped. */
export interface Refusal {
  kind: 'drop' | 'reject';
  /** Absent where the kernel did not say. */
  hook?: Hook;
  /** As the client sent it into this namespace. */
  original: Tuple;
  /** As it stood when it was refused (after DNAT, if any). */
  current: Tuple;
  inDevice?: string;
  outDevice?: string;
  evaluated?: Evaluated;
}

/** A packet as it may come, which was not seen. */
export interface Passing {
  tuple: Tuple;
  /** Absent where not known. */
  inDevice?: string;
}

export interface RewriteRule {
  rule?: Rule;
  /** The rule that the texts lead to, where the kernel was seen to run another. */
  overruled?: Rule;
  /** For snat and masquerade: why, the rule that marked the packet for it, and who wrote it. */
  cause?: LossCause;
  markedBy?: Rule;
  author?: RuleAuthor;
  /** What its rules leave alone: ranges, and sets and devices by name. */
  spared?: Spared;
}

/** The programs that are known to write rules. */
export type RuleAuthor =
  | 'kube-proxy'
  | 'portmap'
  | 'flannel'
  | 'calico'
  | 'cilium'
  | 'ip-masq-agent'
  | 'aws-vpc-cni'
  | 'kindnet'
  | 'weave'
  | 'antrea'
  | 'kube-router'
  | 'kubenet'
  | 'cni-bridge'
  | 'docker'
  | 'podman'
  | 'libvirt'
  | 'firewalld';

export interface Spared {
  sources: string[];
  destinations: string[];
}

export interface RefusalRule {
  rule?: Rule;
  overruled?: Rule;
  /** What the rule is for. */
  because?: 'no-endpoints' | 'no-local-endpoint' | 'source-ranges' | 'unknown-port' | 'other';
}

export interface Place {
  name?: string;
  node?: string;
  role: 'node' | 'pod' | 'host' | 'other';
}

/**
 * The rules in force in one namespace at one time; never changed once given out (a change makes a new one),
 * so a connection keeps the one under which it was made.
 */
export interface RuleBook {
  rewriteRule(rewrite: Rewrite): RewriteRule;
  refusalRule(refusal: Refusal): RefusalRule;
  /** What would rewrite the source of a packet that DNAT sent on like this and that no rule has marked. */
  sourceRule(passing: Passing): RewriteRule;
  /** Whether kube-proxy takes the sender for a Pod of the cluster; undefined where none of its rules asks. */
  isFromPod(passing: Passing): boolean | undefined;
  /** Services with a NodePort here, for "there is none on 80, but …". */
  nodePorts(): { service: string; port: number; protocol: Tuple['protocol'] }[];
}

/**
 * Where a fact is from: `api`: the Kubernetes API; `rules`: kube-proxy's rules on the node asked about; `machine`: its
 * namespaces and processes.
 */
export type Origin = 'api' | 'rules' | 'machine';

export interface ServicePortFacts {
  name?: string;
  protocol: 'tcp' | 'udp' | 'sctp';
  port: number;
  nodePort?: number;
  targetPort?: number | string;
  appProtocol?: string;
}

/** An address and port that serve one port of a Service. */
export interface EndpointFacts {
  ip: string;
  port: number;
  protocol: 'tcp' | 'udp' | 'sctp';
  /** Of the Service's port; absent where that has none. */
  portName?: string;
  /** `namespace/name`. */
  pod?: string;
  node?: string;
  /** Rules hold those alone that kube-proxy sends to: they count as ready. */
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/** A field that is not known is absent; rules tell less than the API. */
export interface ServiceFacts {
  from: Origin;
  /** `namespace/name`. */
  name: string;
  type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  clusterIPs: readonly string[];
  /** Read off nftables, those of load balancers too. */
  externalIPs: readonly string[];
  loadBalancerIPs: readonly string[];
  ports: readonly ServicePortFacts[];
  externalTrafficPolicy?: 'Cluster' | 'Local';
  internalTrafficPolicy?: 'Cluster' | 'Local';
  sessionAffinity?: 'None' | 'ClientIP';
  /** Empty: all may come. */
  sourceRanges?: readonly string[];
  healthCheckNodePort?: number;
  hasSelector?: boolean;
  endpoints: readonly EndpointFacts[];
}

export interface NodeFacts {
  from: Origin;
  name: string;
  addresses: readonly string[];
  podCIDRs: readonly string[];
  ready?: boolean;
}

export interface PodFacts {
  from: Origin;
  /** `namespace/name`, or the best name that the machine tells. */
  name: string;
  uid?: string;
  node?: string;
  ips: readonly string[];
  hostNetwork?: boolean;
  phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  ready?: boolean;
  containers: readonly {
    name: string;
    ports: readonly { name?: string; protocol: 'tcp' | 'udp' | 'sctp'; port: number; hostPort?: number }[];
  }[];
}

/** One way of an Ingress that leads to a Service. */
export interface IngressFacts {
  from: Origin;
  /** `namespace/name` of the Ingress. */
  name: string;
  className?: string;
  host?: string;
  path?: string;
  port?: number | string;
  tls: boolean;
}

/** The cluster's objects as they stood at one time, seen from one namespace; never changed once given out. */
export interface ClusterBook {
  /** Of `namespace/name`. */
  service(name: string): ServiceFacts | undefined;
  services(): readonly ServiceFacts[];
  node(name: string): NodeFacts | undefined;
  nodes(): readonly NodeFacts[];
  /** Of `namespace/name`. */
  pod(name: string): PodFacts | undefined;
  /** The Ingresses that lead to the Service `namespace/name`. */
  ingresses(service: string): readonly IngressFacts[];
  /** `none`: it was not read, facts are from rules and machine; `away`: what it said may be old, `note` says why. */
  readonly api: 'in-step' | 'away' | 'none';
  /** In words; absent where there is nothing to say. */
  readonly note?: string;
}

/** What an Endpoint says of the pod that a process is of. */
export type Resident = Pick<Endpoint, 'name' | 'node' | 'container' | 'stale'>;

export interface Knowledge {
  /** At a time of event, as `endpoint` and `cluster`: who is where changes, and what was stays what it was. */
  place(netns: NetnsId, at: number): Place | undefined;
  device(netns: NetnsId, ifindex: number): string | undefined;
  /** As netfilter's hooks are told a device: for a bridge's port the bridge (br_netfilter_hooks.c). */
  hookDevice(netns: NetnsId, ifindex: number): string | undefined;
  /** Whether the address is one of the namespace's own. */
  isLocal(netns: NetnsId, ip: string): boolean;
  /** Who has this address, seen from a namespace (a loopback or an overlapping address differs by place). */
  endpoint(netns: NetnsId, ip: string, port: number, protocol: Tuple['protocol'], at: number): Endpoint;
  /** The pod and container whose process it is, where the process's control group tells. */
  resident(netns: NetnsId, process: ProcessRef, at: number): Resident | undefined;
  /** The namespace on this machine that the device's veth peer stands in, where that is certain. */
  peer(netns: NetnsId, ifindex: number): { netns: NetnsId; ifindex: number; device?: string } | undefined;
  listener(netns: NetnsId, tuple: Tuple): ProcessRef | undefined;
  /** Undefined where no rules of the namespace are known. */
  rules(netns: NetnsId): RuleBook | undefined;
  /** The cluster that the namespace is of or stands beside, as it was at this time (of event). Undefined: of none. */
  cluster(netns: NetnsId, at: number): ClusterBook | undefined;
  /** False where something that was so then is no longer known: what was told of it before outweighs it. */
  remembers(at: number): boolean;
}

/** Knowledge that grows with the stream. */
export interface NameKeeper extends Knowledge {
  take(event: NameEvent): void;
}
