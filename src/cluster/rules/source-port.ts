import type { Field, Match, RuleSet, Step, Targets, Verdict } from './model.ts';

/**
 * Whether some rule asks for the packet's source port, or chooses it. If none does, connections that differ in
 * nothing else meet the same rules.
 */
export function asksForSourcePort(sets: readonly RuleSet[]): boolean {
  return sets.some(({ tables }) =>
    tables.some(({ chains }) =>
      [...chains.values()].some(({ rules }) => rules.some(({ steps }) => steps.some(inStep))),
    ),
  );
}

function inStep(step: Step): boolean {
  switch (step.kind) {
    case 'mark':
      return false;
    case 'match':
      return inMatch(step.match);
    case 'verdict':
      return inVerdict(step.verdict);
    case 'verdict-map':
      return inKey(step.key) || step.map.all.some(({ value }) => inVerdict(value));
  }
}

function inMatch(match: Match): boolean {
  if (match.kind === 'port') return match.side !== 'dst';
  return match.kind === 'elements' && inKey(match.key);
}

function inVerdict(verdict: Verdict): boolean {
  if (!('to' in verdict)) return false;
  const choosesSource = verdict.kind === 'snat' || verdict.kind === 'masquerade';
  return (choosesSource && givesPorts(verdict.to)) || (verdict.to.kind === 'map' && inKey(verdict.to.key));
}

function givesPorts(to: Targets): boolean {
  if (to.kind === 'map') return to.exact.size > 0 || to.others.some(({ ports }) => ports !== undefined);
  return to.kind === 'one' && to.target.ports !== undefined;
}

const inKey = (key: readonly Field[]): boolean => key.includes('sport');
