import type { RuleFamily } from '../../trace/request.ts';
import { isObject, listOf, textOf, type Json } from './json.ts';
import type { ParsedRule, Step, Targets, Verdict } from './model.ts';
import { portsOf, targetElements, targetOf, verdictElements, verdictOf } from './nft-elements.ts';
import { fieldsOf } from './nft-fields.ts';
import { markChange } from './nft-mark.ts';
import { matchSteps } from './nft-match.ts';
import { ruleText } from './nft-text.ts';
import type { NftSets } from './nft.ts';
import { mapTargets } from './targets.ts';

/** One rule object. What is not understood is kept as an unknown match. */
export function parseNftRule(rule: Json, family: RuleFamily, sets: NftSets): ParsedRule {
  const expressions = listOf(rule['expr']).filter(isObject);
  const comment = textOf(rule['comment']);
  const steps = expressions.flatMap((expression) => stepsOf(expression, family, sets));
  let text: string | undefined;
  return {
    steps,
    ...(comment ? { comment } : {}),
    get text(): string {
      text ??= ruleText(expressions, comment);
      return text;
    },
  };
}

function stepsOf(expression: Json, family: RuleFamily, sets: NftSets): Step[] {
  const [kind = ''] = Object.keys(expression);
  const value = expression[kind];
  switch (kind) {
    case 'match':
      return matchSteps(isObject(value) ? value : {}, family, sets);
    case 'mangle':
      return mangle(value);
    case 'vmap':
      return verdictMap(value, sets);
    case 'accept':
    case 'drop':
    case 'return':
    case 'jump':
    case 'goto':
      return verdict(verdictOf(expression));
    case 'queue':
    case 'tproxy':
      return verdict({ kind: 'accept' });
    case 'reject':
      return verdict({ kind: 'reject' });
    case 'dnat':
    case 'snat':
    case 'redirect':
    case 'masquerade':
      return verdict({ kind, to: targets(isObject(value) ? value : {}, sets) });
    case 'limit':
    case 'quota':
    case 'ct count':
      return [{ kind: 'match', match: { kind: 'chance', negated: false, text: kind } }];
    case 'xt':
      return foreign(isObject(value) ? value : {});
    default:
      // Statements that only take note (counter, log, set, notrack, …) let the packet go on.
      return [];
  }
}

const verdict = (value: Verdict | undefined): Step[] => (value ? [{ kind: 'verdict', verdict: value }] : []);

function mangle(value: unknown): Step[] {
  const change = isObject(value) && isMark(value['key']) ? markChange(value['value']) : undefined;
  return change ? [{ kind: 'mark', ...change }] : [];
}

const isMark = (key: unknown): boolean => fieldsOf(key)[0] === 'mark';

function verdictMap(value: unknown, sets: NftSets): Step[] {
  if (!isObject(value)) return [];
  const { key, data } = value;
  const name = typeof data === 'string' ? data.replace(/^@/, '') : undefined;
  const map = name === undefined ? isObject(data) && verdictElements(data) : sets.verdicts(name);
  if (!map) return [{ kind: 'match', match: { kind: 'unknown', negated: false, text: 'vmap' } }];
  return [{ kind: 'verdict-map', key: fieldsOf(key), map, ...(name === undefined ? {} : { name }) }];
}

function targets({ addr, port }: Json, sets: NftSets): Targets {
  const map = isObject(addr) ? addr['map'] : undefined;
  if (isObject(map)) return mapped(map, sets);
  const target = addr === undefined ? {} : targetOf(addr);
  const ports = portsOf(port);
  // A port that is itself looked up may be any.
  return target ? { kind: 'one', target: ports ? { ...target, ports } : target } : { kind: 'any' };
}

function mapped({ key, data }: Json, sets: NftSets): Targets {
  const map =
    typeof data === 'string'
      ? sets.targets(data.replace(/^@/, ''))
      : isObject(data)
        ? targetElements(data)
        : undefined;
  return map ? mapTargets(fieldsOf(key), map) : { kind: 'any' };
}

/** An extension of iptables in an iptables-nft table, of which the listing keeps the name alone. */
function foreign({ type, name }: Json): Step[] {
  if (type !== 'target') {
    return name === 'comment'
      ? []
      : [{ kind: 'match', match: { kind: 'unknown', negated: false, text: `xt ${textOf(name)}` } }];
  }
  const kind = textOf(name).toLowerCase();
  if (kind === 'reject') return verdict({ kind });
  return kind === 'dnat' || kind === 'snat' || kind === 'redirect' || kind === 'masquerade'
    ? verdict({ kind, to: { kind: 'any' } })
    : [];
}
