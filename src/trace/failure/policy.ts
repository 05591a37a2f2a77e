/** Rules that enforce network policies, by the names that their programs give to chains. */
import type { Rule } from '../request.ts';

/** Each program's own prefix of the chains that it writes its policies to. */
const PROGRAMS: readonly (readonly [prefix: RegExp, program: string])[] = [
  [/^cali-/, 'Calico'],
  [/^calico-/, 'Calico'],
  [/^KUBE-(?:NWPLCY|POD-FW|ROUTER)-/, 'kube-router'],
  [/^CILIUM_/, 'Cilium'],
  [/^WEAVE-NPC/, 'Weave Net'],
  [/^KUBE-NETWORK-POLICIES/, 'kube-network-policies'],
];

export interface Policy {
  /** After what the rule did. */
  readonly words: string;
  readonly next: string;
}

export function policyOf(rule: Rule | undefined): Policy | undefined {
  const chains = rule === undefined ? [] : [rule.chain, ...rule.via];
  const program = PROGRAMS.find(([prefix]) => chains.some((chain) => prefix.test(chain)))?.[1];
  if (program === undefined) return undefined;
  return {
    words: `: a network policy, enforced by ${program}`,
    next: 'See `kubectl get networkpolicies -A` for those that select the pod on either side: once one does, only what some policy allows passes.',
  };
}
