import type { IpSets } from './ipset.ts';
import { optionMatch } from './iptables-matches.ts';
import { targetSteps } from './iptables-targets.ts';
import type { ParsedRule, Step } from './model.ts';
import { splitWords } from './words.ts';

/** One `-A CHAIN …` line. What is not understood is kept as an unknown match. */
export function parseIptablesRule(
  line: string,
  family: 'ip' | 'ip6',
  isChain: (name: string) => boolean,
  sets: IpSets,
): ParsedRule {
  const words = splitWords(line);
  const steps: Step[] = [];
  let comment: string | undefined;
  let module = '';
  let at = 2;
  while (at < words.length) {
    const negated = words[at] === '!';
    if (negated) at++;
    const option = words[at] ?? '';
    if (option === '-j' || option === '-g') {
      steps.push(...targetSteps(option, words[at + 1] ?? '', words.slice(at + 2), isChain));
      break;
    }
    const end = endOfOption(words, at + 1);
    const values = words.slice(at + 1, end);
    if (option === '-m') module = values[0] ?? '';
    else if (option === '--comment') comment = comment === undefined ? values[0] : `${comment}; ${values[0]}`;
    else {
      const match = optionMatch({ module, option, values, negated, family, sets });
      if (match !== 'always') steps.push({ kind: 'match', match });
    }
    at = end;
  }
  return comment === undefined ? { text: line, steps } : { text: line, comment, steps };
}

/** An option's values reach to the next option; at least the comment's may look like one. */
function endOfOption(words: readonly string[], from: number): number {
  if (words[from - 1] === '--comment') return Math.min(from + 1, words.length);
  let at = from;
  while (at < words.length && !isOption(words[at] ?? '')) at++;
  return at;
}

const isOption = (word: string): boolean => word === '!' || (word.length > 1 && word.startsWith('-'));
