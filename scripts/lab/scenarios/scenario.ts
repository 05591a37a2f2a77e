/** What a scenario is: what to dial, and what then must be true of it. */
import type { Protocol } from '../../../src/events/tuple.ts';
import type {
  Carrier,
  FailureDetail,
  FailureKind,
  Hook,
  HopKind,
  JointEvidence,
  LossCause,
  State,
  Verdict,
} from '../../../src/trace/request.ts';
import type { Service } from './kube.ts';
import type { ClusterNode, Mode } from '../topology.ts';

export interface Scenario {
  readonly id: string;
  /** Row of the table of systems to trace: S1 … S20, or what it is where it has no row. */
  readonly row: string;
  readonly title: string;
  readonly prepare?: readonly Preparation[];
  /** All dials are under way before any answer is read. */
  readonly together?: boolean;
  /** All dials use one and the same source port, new in each run. */
  readonly sharedPort?: boolean;
  readonly dials: readonly Dial[];
}

/** A change to the lab before the dials, taken back after them. */
export type Preparation =
  | { readonly kind: 'announce'; readonly ip: string; readonly node: ClusterNode }
  /** Session affinity as an earlier connection of this client would have left it. */
  | {
      readonly kind: 'remember';
      readonly node: ClusterNode;
      readonly client: string;
      readonly service: Service;
      readonly endpoint: string;
    }
  /** A conntrack entry as an earlier query of this client's port would have left it before the Service's pod moved. */
  | {
      readonly kind: 'stale-entry';
      readonly node: ClusterNode;
      readonly client: { readonly ip: string; readonly port: number };
      readonly service: Service;
      readonly movedFrom: string;
    }
  /** What breaks it, as commands run in a namespace, and what mends it. */
  | {
      readonly kind: 'change';
      readonly in: string;
      readonly does: readonly Command[];
      readonly undoes: readonly Command[];
    }
  /** The namespace's conntrack table is filled to the machine's limit with entries that may not be evicted. */
  | { readonly kind: 'full-table'; readonly in: string };

export type Command = readonly [string, ...string[]];

export interface Dial {
  /** Namespace, without the lab's prefix. */
  readonly from: string;
  readonly protocol: Protocol;
  readonly source?: { readonly ip?: string; readonly port?: number };
  /** Port 0 for ICMP. */
  readonly to: { readonly ip: string; readonly port: number };
  /** Name in the HTTP Host header, or asked of DNS. */
  readonly ask?: string;
  /** DNS: asked at once, from one port; `A` where it does not say. */
  readonly types?: readonly DnsType[];
  /** The address is first asked for, as a pod's resolver does; `to.ip` is what it must be. */
  readonly lookUp?: LookUp;
  /** What is asked on the connection; where it does not say, one GET of /ping. */
  readonly http?: HttpDial;
  /** Dial again until this server answers: which backend a Service gives is random. */
  readonly until?: string;
  readonly timeoutMs?: number;
  /** The client breaks its connection off with a RST when it is done, or has waited long enough. */
  readonly abort?: true;
  readonly expect: Expected | Readonly<Record<Mode, Expected>>;
}

export type DnsType = 'A' | 'AAAA';

export interface LookUp {
  readonly name: string;
  /** Address that the pod's resolv.conf has. */
  readonly resolver: string;
  /** In their order: tried in vain by the search list, and the last. */
  readonly expect: readonly ExpectedTry[];
}

export interface ExpectedTry {
  readonly name: string;
  /** Absent where nobody answered. */
  readonly rcode?: string;
  /** Of A and AAAA, in this order. */
  readonly answers: readonly string[];
  /** The resolver's pod. */
  readonly server?: string;
}

export interface HttpDial {
  /** The name that the TLS ClientHello asks for. */
  readonly tls?: string;
  /** All are sent before an answer is read. */
  readonly pipelined?: true;
  readonly requests: readonly Ask[];
}

/** One request on a connection, and what must come of it. */
export interface Ask {
  readonly method?: 'GET' | 'HEAD';
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expect: ExpectedRequest;
}

export interface ExpectedRequest {
  /** Absent where it is not answered. */
  readonly status?: number;
  readonly verdict?: Verdict;
  readonly cause?: LossCause;
  readonly failure?: ExpectedFailure;
  /** The name that a proxy asks its resolver for in vain. */
  readonly unresolved?: string;
  /** What proxies dialled for it, in order; the client's own connection is what the dial expects. */
  readonly legs: readonly ExpectedLeg[];
  /** What each leg carries of who asked; the first leg's index is 0. */
  readonly carriers: readonly Carrier[];
}

/** A connection that a proxy opened. */
export interface ExpectedLeg {
  /** Namespace of the proxy, and of what it reached. */
  readonly from: string;
  readonly to: string;
  /** `ip:port` dialled. */
  readonly dialled: string;
  /** Absent where nobody took it. */
  readonly server?: string;
  readonly sourceSeen?: string;
  readonly rewrites: readonly ExpectedRewrite[];
  /** The path it asks for, where it is another. */
  readonly path?: string;
  /** What ties it to the leg before: any of these. */
  readonly joinedBy: readonly JointEvidence[];
}

export type ExpectedFailure = FailureKind | 'stale-conntrack';

export interface ExpectedFault {
  readonly detail?: FailureDetail;
  /** The hop at which it failed, and the namespace in which that is. */
  readonly hop?: { readonly kind: HopKind; readonly in: string };
  /** Of the reason, each line of evidence asked for, and the next step: a part. */
  readonly reason?: string;
  readonly evidence: readonly string[];
  readonly next: string;
}

/** `closed`: without an answer. `unresolved`: nothing was dialled, its name has no address. */
export type Outcome =
  'answered' | 'refused' | 'unreachable' | 'reset' | 'timeout' | 'failed' | 'closed' | 'unresolved';

/** Of the last attempt of a dial. */
export interface Expected {
  /** What the client's socket met. */
  readonly outcome: Outcome;
  /** The name the answering server gives itself. */
  readonly server?: string;
  /** Source address that server sees (its port is kept exactly where the verdict is `preserved` without SNAT). */
  readonly sourceSeen?: string;
  /** Any of these: an answered UDP or ICMP flow has no end of its own. */
  readonly states: readonly State[];
  readonly verdict?: Verdict;
  readonly cause?: LossCause;
  readonly failure?: ExpectedFailure;
  /** The network is mended while it lasts: it is told once more, as well. */
  readonly mended?: true;
  /** What else is told of the failure. */
  readonly fault?: ExpectedFault;
  /** What DNS answers, for each type asked. */
  readonly queries?: readonly {
    readonly type: DnsType;
    readonly rcode: string;
    readonly answers: readonly string[];
  }[];
  /** Every rewrite of the first packet, in order. */
  readonly rewrites: readonly ExpectedRewrite[];
  /** Where the packet ended, if a rule or a host refused it. */
  readonly refusal?: ExpectedRefusal;
  /** `namespace/device` for every device the first packet leaves by, in order; where it is worth saying. */
  readonly crosses?: readonly string[];
}

export interface ExpectedRewrite {
  readonly node: string;
  readonly kind: 'dnat' | 'redirect' | 'snat' | 'masquerade';
  readonly hook: Hook;
  /** The new destination `ip:port`; the new source `ip`, or `ip:port` where the port is certain. */
  readonly to: string;
  /** Absent where none that stands now did it. */
  readonly rule?: Readonly<Record<Mode, ExpectedRule>>;
  /** `namespace/name:port`. */
  readonly service?: string;
}

export interface ExpectedRule {
  readonly chain: string;
  /** Chains jumped through to get there, first the built-in (or base) one; empty where the rule stands in it. */
  readonly via: readonly string[];
}

export interface ExpectedRefusal {
  readonly node: string;
  readonly kind: 'drop' | 'reject';
  readonly hook: Hook;
  readonly rule: ExpectedRule;
}

export const expectedIn = (dial: Dial, mode: Mode): Expected =>
  'outcome' in dial.expect ? dial.expect : dial.expect[mode];
