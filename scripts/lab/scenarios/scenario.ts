/** What a scenario is: what to dial, and what then must be true of it. */
import type { Protocol } from '../../../src/events/tuple.ts';
import type { FailureKind, Hook, LossCause, State, Verdict } from '../../../src/trace/request.ts';
import type { Service } from './kube.ts';
import type { ClusterNode, Mode } from '../topology.ts';

export interface Scenario {
  readonly id: string;
  /** Row of the table of systems to trace: S1 … S18, or what it is where it has no row. */
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
    };

export interface Dial {
  /** Namespace, without the lab's prefix. */
  readonly from: string;
  readonly protocol: Protocol;
  readonly source?: { readonly ip?: string; readonly port?: number };
  /** Port 0 for ICMP. */
  readonly to: { readonly ip: string; readonly port: number };
  /** Name in the HTTP Host header, or asked of DNS. */
  readonly ask?: string;
  /** Dial again until this server answers: which backend a Service gives is random. */
  readonly until?: string;
  readonly timeoutMs?: number;
  readonly expect: Expected | Readonly<Record<Mode, Expected>>;
}

export type Outcome = 'answered' | 'refused' | 'unreachable' | 'reset' | 'timeout' | 'failed';

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
  readonly failure?: FailureKind;
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
  readonly rule: Readonly<Record<Mode, ExpectedRule>>;
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
