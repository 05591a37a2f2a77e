import type { Passing, Rewrite, RuleBook } from '../../trace/knowledge.ts';
import type { NamespaceRules } from './namespace-rules.ts';
import type { IsLocal } from './packet.ts';

/** Answers kept; then all are forgotten. Clients differ, what they dial repeats. */
const KEPT = 4_096;

/** The rules of a namespace as the engine asks them. The same rewrite is asked for with each connection. */
export function bookOf(rules: NamespaceRules, isLocal: IsLocal): RuleBook {
  let withPorts: boolean | undefined;
  const asksForPorts = (): boolean => (withPorts ??= rules.asksForSourcePort());
  return {
    rewriteRule: remembered(
      (rewrite) => (asksForPorts() ? keyWithPorts(rewrite) : keyWithoutPorts(rewrite)),
      (rewrite) => rules.rewriteRule(rewrite, isLocal),
    ),
    refusalRule: (refusal) => rules.refusalRule(refusal, isLocal),
    sourceRule: remembered(
      (passing) => `${passingKey(passing)} ${String(asksForPorts() ? passing.tuple.sport : 0)}`,
      (passing) => rules.sourceRule(passing, isLocal),
    ),
    isFromPod: (passing) => rules.isFromPod(passing, isLocal),
    nodePorts: () => rules.nodePorts(),
  };
}

function remembered<Question, Answer>(
  keyOf: (question: Question) => string,
  ask: (question: Question) => Answer & object,
): (question: Question) => Answer {
  const answers = new Map<string, Answer & object>();
  return (question) => {
    const key = keyOf(question);
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = ask(question);
    if (answers.size >= KEPT) answers.clear();
    answers.set(key, answer);
    return answer;
  };
}

const passingKey = ({ tuple, inDevice = '' }: Passing): string =>
  `${inDevice} ${tuple.protocol} ${tuple.src} ${tuple.dst} ${String(tuple.dport)}`;

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
