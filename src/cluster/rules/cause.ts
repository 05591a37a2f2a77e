/** Why a source address was rewritten, read from the rule that did it and the rule that marked the packet for it. */
import type { LossCause } from '../../trace/request.ts';
import { authorOf } from './author.ts';
import type { Found, Outcome, Trail } from './journey.ts';
import type { Match, ParsedRule } from './model.ts';
import type { Packet } from './packet.ts';

export function causeOf(outcome: Outcome, packet: Packet): LossCause {
  const { markedBy } = outcome;
  const author = authorOf(markedBy ?? outcome);
  if (author === 'portmap') return 'masquerade-hostport';
  if (markedBy) return causeOfMark(markedBy);
  // A connection that comes back to where it started can only be answered through the node: hairpin.
  if (packet.translated && packet.src === packet.dst) return 'masquerade-hairpin';
  if (asksForSource(outcome.rule, 'outside')) return 'masquerade-off-cluster';
  if (author !== undefined && !OTHERS.has(author)) return 'masquerade-cni-outgoing';
  const masquerades = outcome.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.kind === 'masquerade',
  );
  return masquerades && !packet.srcLocal && asksForSourceOnTheWay(outcome)
    ? 'masquerade-cni-outgoing'
    : 'snat-rule';
}

/** The rule that had the packet marked: not the one in a chain that does nothing but mark, but its caller. */
export function markingRule(markedBy: Found): Found {
  const { chain, trail, table } = markedBy;
  return chain.onlyMarks && trail
    ? { table, chain: trail.chain, rule: trail.rule, comment: trail.comment, trail: trail.outer }
    : markedBy;
}

function causeOfMark(markedBy: Found): LossCause {
  const { chain, rule, trail } = markingRule(markedBy);
  const { name } = chain;
  if (name.startsWith('KUBE-SEP-') || name.startsWith('endpoint-')) return 'masquerade-hairpin';
  if (asksForSource(rule, 'outside')) return 'masquerade-off-cluster';
  // With externalTrafficPolicy Local only what the node itself sends is marked. The policy is not the cause,
  // and the sender is not a Pod: as with any other source outside the cluster.
  if (asksForSource(rule, 'local')) return 'masquerade-off-cluster';
  // IPVS mode says in sets for what it marks, and marks what nodes send from a Service's address of their own.
  const asked = setsAsked(rule);
  if (asked.some((set) => /^KUBE-(?:6-)?EXTERNAL-IP/.test(set))) return 'masquerade-external-traffic-policy';
  if (asked.some((set) => /^KUBE-(?:6-)?CLUSTER-IP src,dst$/.test(set))) return 'masquerade-off-cluster';
  if (/^(?:KUBE-(?:EXT|XLB|FW|NODEPORTS?|NODE-PORT|LOAD-BALANCER|FIRE-WALL)\b|external-)/.test(name))
    return 'masquerade-external-traffic-policy';
  // Older versions mark in KUBE-SERVICES what is for an external address.
  if (/ (?:external|loadbalancer) IP$/.test(rule?.comment ?? '')) return 'masquerade-external-traffic-policy';
  if (/^(?:KUBE-(?:SVC|SVL|SERVICES)\b|services?\b)/.test(name)) return 'masquerade-all';
  return trail === undefined && !name.startsWith('KUBE-') ? 'snat-rule' : 'masquerade-cni-outgoing';
}

/** They are known, but are no network plugin of a cluster's. */
const OTHERS: ReadonlySet<string> = new Set(['kube-proxy', 'docker', 'podman', 'libvirt', 'firewalld']);

/** Name and sides of each set that a rule asks, whether it was read or not. */
const setsAsked = (rule: ParsedRule | undefined): string[] =>
  [...(rule?.text ?? '').matchAll(/ --match-set (\S+ \S+)/g)].map(([, set = '']) => set);

type SourceQuestion = 'outside' | 'local' | 'inside';

/** Whether the rule itself asks for a source outside a range or device, of this node, or in a range or set. */
function asksForSource(rule: ParsedRule | undefined, question: SourceQuestion): boolean {
  return rule?.steps.some((step) => step.kind === 'match' && asks(step.match, question)) ?? false;
}

function asks(match: Match, question: SourceQuestion): boolean {
  if (match.kind === 'address-type') {
    return question === 'local' && match.side === 'src' && !match.negated && match.types.includes('local');
  }
  if (match.negated !== (question === 'outside') || question === 'local') return false;
  if (match.kind === 'address') return match.side === 'src';
  if (match.kind === 'device') return match.side === 'in';
  if (match.kind === 'elements') return match.key.includes('src');
  return match.kind === 'unknown' && /--match-set \S+ src$/.test(match.text);
}

function asksForSourceOnTheWay({ rule, trail }: Found): boolean {
  if (asksForSource(rule, 'inside')) return true;
  for (let at: Trail | undefined = trail; at; at = at.outer) {
    if (asksForSource(at.rule, 'inside')) return true;
  }
  return false;
}
