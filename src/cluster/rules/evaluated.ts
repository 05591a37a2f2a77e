/** The rule that the texts lead to, beside what the kernel was seen to come by when it ran them. */
import { clean } from '../../events/clean.ts';
import type { Evaluated } from '../../events/event.ts';
import type { BaseChains } from './base-chains.ts';
import type { Found } from './journey.ts';
import type { Chain, ParsedRule, Verdict } from './model.ts';

/** `other`: the kernel cannot have run this rule last; `untold`: nothing of it tells. */
export type Agreement = 'same' | 'other' | 'untold';

export function agreementOf({ chain, rule }: Found, evaluated: Evaluated): Agreement {
  const { comment, chains, entered } = evaluated;
  const isXt = rule !== undefined && isXtRule(rule);
  // A rule's comment is met before it acts, and none after it.
  if (isXt && rule.comment !== undefined && comment !== undefined)
    return hasComment(rule, comment) ? 'same' : 'other';
  if (chain.base !== undefined) return 'untold';
  if (chains.some((name) => isCut(name, chain.name, CHAIN_LENGTH))) return 'same';
  // nf_tables knows more ways into a chain than those that are watched; iptables does not.
  return isXt && entered > 0 && entered === chains.length ? 'other' : 'untold';
}

/** The one rule that fits what the kernel came by, where there is but one. */
export function ruleSeen(
  chains: BaseChains,
  evaluated: Evaluated,
  verdicts: readonly Verdict['kind'][],
): Found | undefined {
  let found: Found | undefined;
  for (const table of chains.tables) {
    for (const chain of table.chains.values()) {
      if (!mayHaveRun(chain, evaluated)) continue;
      for (const rule of chain.rules) {
        if (!fits(rule, chain, evaluated, verdicts)) continue;
        if (found !== undefined) return undefined;
        found = { table, chain, rule, comment: undefined, trail: undefined };
      }
    }
  }
  return found;
}

function mayHaveRun({ name, base }: Chain, { chains, entered }: Evaluated): boolean {
  // iptables-legacy does not tell its chains: the comment alone has to do, and the chain is one of many.
  return base !== undefined || entered === 0 || chains.some((cut) => isCut(cut, name, CHAIN_LENGTH));
}

function fits(
  rule: ParsedRule,
  chain: Chain,
  { comment }: Evaluated,
  verdicts: readonly Verdict['kind'][],
): boolean {
  const acts = rule.steps.some((step) => step.kind === 'verdict' && verdicts.includes(step.verdict.kind));
  if (!acts) return false;
  // The kernel does not come by the comments of nf_tables: there the chain has to do.
  return isXtRule(rule) ? comment !== undefined && hasComment(rule, comment) : chain.base === undefined;
}

const isXtRule = ({ text }: ParsedRule): boolean => text.startsWith('-A ');

/** Of several comments in one rule the last is met last. */
const hasComment = ({ comment = '' }: ParsedRule, met: string): boolean =>
  isCut(met, comment, COMMENT_LENGTH) || comment.endsWith(`; ${met}`);

/** Bytes that the probes read of them. */
const COMMENT_LENGTH = 64;
const CHAIN_LENGTH = 48;

const isCut = (cut: string, whole: string, length: number): boolean =>
  cut === clean(whole, length) || (cut.length >= length - 4 && whole.startsWith(cut));
