import type { Rewrite, RewriteRule, RuleBook } from '../../trace/knowledge.ts';
import type { NamespaceRules } from './namespace-rules.ts';
import type { IsLocal } from './packet.ts';

/** Answers kept; then all are forgotten. Clients differ, what they dial repeats. */
const KEPT = 4_096;

/** The rules of a namespace as the engine asks them. The same rewrite is asked for with each connection. */
export function bookOf(rules: NamespaceRules, isLocal: IsLocal): RuleBook {
  const answers = new Map<string, RewriteRule>();
  let keyOf: ((rewrite: Rewrite) => string) | undefined;
  return {
    rewriteRule(rewrite) {
      keyOf ??= rules.asksForSourcePort() ? keyWithPorts : keyWithoutPorts;
      const key = keyOf(rewrite);
      const known = answers.get(key);
      if (known !== undefined) return known;
      const answer = rules.rewriteRule(rewrite, isLocal);
      if (answers.size >= KEPT) answers.clear();
      answers.set(key, answer);
      return answer;
    },
    refusalRule: (refusal) => rules.refusalRule(refusal, isLocal),
    sourceRule: (passing) => rules.sourceRule(passing, isLocal),
    isFromPod: (passing) => rules.isFromPod(passing, isLocal),
    nodePorts: () => rules.nodePorts(),
  };
}

/** All that a rewrite says but the source ports. */
function keyWithoutPorts(rewrite: Rewrite): string {
  const { kind, hook, original, before, after, inDevice, outDevice, evaluated } = rewrite;
  const way = `${kind} ${hook} ${inDevice ?? ''} ${outDevice ?? ''} ${original.protocol}`;
  const sources = `${original.src} ${before.src} ${after.src} ${String(original.sport === before.sport)}`;
  const first = `${original.dst} ${String(original.dport)}`;
  const then = `${before.dst} ${String(before.dport)} ${after.dst} ${String(after.dport)}`;
  const ran = evaluated === undefined ? '' : ` ${evaluated.chains.join(' ')} ${evaluated.comment ?? ''}`;
  return `${way} ${sources} ${first} ${then}${ran}`;
}

const keyWithPorts = (rewrite: Rewrite): string =>
  `${keyWithoutPorts(rewrite)} ${String(rewrite.original.sport)} ${String(rewrite.before.sport)} ${String(rewrite.after.sport)}`;
