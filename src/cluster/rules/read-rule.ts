import type { Hook } from '../../trace/request.ts';
import { evaluate, lookup, type Answer, type Circumstances } from './evaluate.ts';
import type { Element } from './elements.ts';
import type { ParsedRule, Step, Verdict } from './model.ts';
import type { Packet } from './packet.ts';

/** What a rule makes of a packet. */
export interface Reading {
  readonly answer: Answer;
  /** The matches between the packet and the rule of which nothing is known, in words. */
  readonly unknowns: readonly string[];
  readonly mark: number;
  /** Bits of the mark that were on when the rule asked for them. */
  readonly asked: number;
  /** One of these, where luck chooses among several; none: the packet goes on. */
  readonly branches: readonly Branch[];
}

export interface Branch {
  readonly verdict: Verdict;
  /** Of the map's element. */
  readonly comment: string | undefined;
}

const branchOf = ({ value, comment }: Element<Verdict>): Branch => ({ verdict: value, comment });

const NOWHERE: readonly Branch[] = [];
const NONE: readonly string[] = [];

export function readRule(
  rule: ParsedRule,
  packet: Packet,
  hook: Hook,
  markBefore: number,
  anyMark: boolean,
): Reading {
  let mark = markBefore;
  let asked = 0;
  let unknowns = NONE;
  let chance = false;
  let branches = NOWHERE;
  for (const step of rule.steps) {
    const given: Circumstances = { packet, mark, hook };
    let answer: Answer = 'yes';
    if (step.kind === 'mark') mark = (mark & step.keep) ^ step.flip;
    else if (step.kind === 'verdict') branches = [{ verdict: step.verdict, comment: undefined }];
    else if (step.kind === 'match') {
      answer = evaluate(step.match, given);
      if (step.match.kind === 'mark') {
        asked |= mark & step.match.mask;
        if (anyMark) answer = 'unknown';
      }
    } else {
      const found = lookup(step.key, step.map, given);
      answer = typeof found === 'string' ? found : 'yes';
      if (found !== 'no') branches = (typeof found === 'string' ? step.map.all : [found]).map(branchOf);
    }
    if (answer === 'no') return { answer, unknowns: NONE, mark: markBefore, asked, branches: NOWHERE };
    if (answer === 'unknown') unknowns = [...unknowns, wordsOf(step)];
    else if (answer === 'chance') chance = true;
  }
  return {
    answer: unknowns.length > 0 ? 'unknown' : chance ? 'chance' : 'yes',
    unknowns,
    mark,
    asked,
    branches,
  };
}

/** Of a match that is understood, it is the packet's side that is not known. */
function wordsOf(step: Step): string {
  if (step.kind !== 'match') return 'what a map is asked';
  const { match } = step;
  if (match.kind === 'unknown') return `${match.negated ? '! ' : ''}${match.text}`;
  if (match.kind === 'device') return `the ${match.side} device`;
  return match.kind === 'conntrack' ? 'the conntrack state' : `the ${match.kind.replace('-', ' ')}`;
}
