/** What the rules around one that rewrites the source leave alone: whose packets, and those to where. */
import { isLoopback } from '../../events/address.ts';
import type { Spared } from '../../trace/knowledge.ts';
import { formatRange } from './address.ts';
import type { Found } from './journey.ts';
import type { Match, ParsedRule, Side } from './model.ts';

/** Of the rule itself what it excepts; of those before it in its chain what they let pass. */
export function sparedBy({ chain, rule }: Found): Spared {
  const before = chain.base || rule === undefined ? [] : chain.rules.slice(0, chain.rules.indexOf(rule));
  const exceptions = [
    ...before.filter(letsPass).flatMap((one) => matchesOf(one).filter(({ negated }) => !negated)),
    ...(rule === undefined ? [] : matchesOf(rule).filter(({ negated }) => negated)),
  ];
  // What the machine says to itself is nobody's network.
  const sources = namesOf(exceptions, 'src').filter((name) => !isLoopback(name));
  return { sources, destinations: namesOf(exceptions, 'dst') };
}

const letsPass = ({ steps }: ParsedRule): boolean =>
  steps.some(
    (step) => step.kind === 'verdict' && (step.verdict.kind === 'return' || step.verdict.kind === 'accept'),
  );

const matchesOf = ({ steps }: ParsedRule): Match[] =>
  steps.flatMap((step) => (step.kind === 'match' ? [step.match] : []));

/** Enough to tell what is spared; a set of a thousand is named by its name. */
const MOST = 16;

const namesOf = (matches: readonly Match[], side: Side): string[] =>
  [...new Set(matches.flatMap((match) => nameOf(match, side)))].slice(0, MOST);

function nameOf(match: Match, side: Side): string[] {
  switch (match.kind) {
    case 'address':
      if (match.side !== side) return [];
      return match.range ? [formatRange(match.range)] : match.exact === undefined ? [] : [match.exact];
    case 'device':
      return match.side === (side === 'src' ? 'in' : 'out') ? [match.name] : [];
    case 'elements':
      return match.key.includes(side) && match.name !== undefined ? [match.name] : [];
    case 'unknown': {
      const [, set, by] = /--match-set (\S+) (\S+)$/.exec(match.text) ?? [];
      return set !== undefined && by === side ? [set] : [];
    }
    default:
      return [];
  }
}
