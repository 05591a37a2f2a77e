/**
 * What the engine asks about names and rules. `cluster/` answers; the engine itself knows none. Answers
 * depend only on the name events taken so far, so a replay gets the same ones.
 */
import type { NameEvent, NetnsId, ProcessRef } from '../events/event.ts';
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
}

export interface RewriteRule {
  rule?: Rule;
  /** For snat and masquerade: why, and the rule that marked the packet for it. */
  cause?: LossCause;
  markedBy?: Rule;
}

export interface RefusalRule {
  rule?: Rule;
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
  /** Services with a NodePort here, for "there is none on 80, but …". */
  nodePorts(): { service: string; port: number; protocol: Tuple['protocol'] }[];
}

export interface Knowledge {
  place(netns: NetnsId): Place | undefined;
  device(netns: NetnsId, ifindex: number): string | undefined;
  /** As netfilter's hooks are told a device: for a bridge's port the bridge (br_netfilter_hooks.c). */
  hookDevice(netns: NetnsId, ifindex: number): string | undefined;
  /** Whether the address is one of the namespace's own. */
  isLocal(netns: NetnsId, ip: string): boolean;
  /** Who has this address, seen from a namespace (a loopback or an overlapping address differs by place). */
  endpoint(netns: NetnsId, ip: string, port: number, protocol: Tuple['protocol']): Endpoint;
  /** The namespace on this machine that the device's veth peer stands in, where that is certain. */
  peer(netns: NetnsId, ifindex: number): { netns: NetnsId; ifindex: number; device?: string } | undefined;
  listener(netns: NetnsId, tuple: Tuple): ProcessRef | undefined;
  /** Undefined where no rules of the namespace are known. */
  rules(netns: NetnsId): RuleBook | undefined;
}

/** Knowledge that grows with the stream. */
export interface NameKeeper extends Knowledge {
  take(event: NameEvent): void;
}
