import type { RuleFamily } from '../../trace/request.ts';
import { protocolName } from './iptables-matches.ts';
import { isObject, listOf, textOf, type Json } from './json.ts';
import type { Field, Match, PortRange, Step } from './model.ts';
import { keyPart, matchElements } from './nft-elements.ts';
import { fieldsOf, presupposed } from './nft-fields.ts';
import { markMask } from './nft-mark.ts';
import { exprText } from './nft-text.ts';
import type { NftSets } from './nft.ts';

/** `{"op": "==", "left": …, "right": …}`. */
export function matchSteps(json: Json, family: RuleFamily, sets: NftSets): Step[] {
  const { left } = json;
  const steps: Step[] = [];
  const { protocol, family: version } = presupposed(left);
  if (protocol !== undefined) steps.push(step({ kind: 'protocol', negated: false, protocol }));
  if (version !== undefined && family === 'inet') {
    steps.push(step({ kind: 'family', negated: false, family: version }));
  }
  steps.push(step(matchOf(json, sets) ?? unknown(json)));
  return steps;
}

const step = (match: Match): Step => ({ kind: 'match', match });

function unknown({ left, op, right }: Json): Match {
  return { kind: 'unknown', negated: false, text: `${exprText(left)} ${textOf(op)} ${exprText(right)}` };
}

function matchOf({ op, left, right }: Json, sets: NftSets): Match | undefined {
  const negated = op === '!=';
  if (isObject(left) && isObject(left['ct'])) return conntrack(left['ct'], right, negated);
  const mask = markMask(left);
  if (mask !== undefined && typeof right === 'number' && (negated || op === '==' || op === 'in')) {
    return { kind: 'mark', negated, mask, value: right | 0 };
  }
  if (isObject(left) && isObject(left['meta']) && left['meta']['key'] === 'nfproto') {
    return right === 'ipv4' || right === 'ipv6'
      ? { kind: 'family', negated, family: right === 'ipv4' ? 4 : 6 }
      : undefined;
  }
  const key = fieldsOf(left);
  const elements =
    typeof right === 'string' && right.startsWith('@') ? sets.matches(right.slice(1)) : undefined;
  if (elements) return { kind: 'elements', negated, key, elements, name: textOf(right).slice(1) };
  if (isObject(right) && Array.isArray(right['set'])) {
    return { kind: 'elements', negated, key, elements: matchElements(right) };
  }
  const [field, another] = key;
  return field && !another ? compare(field, textOf(op), right, negated) : undefined;
}

function compare(field: Field, op: string, right: unknown, negated: boolean): Match | undefined {
  switch (field) {
    case 'src':
    case 'dst': {
      const part = op === '==' || negated ? keyPart(right) : undefined;
      if (part === undefined || (typeof part !== 'string' && 'numbers' in part)) return undefined;
      return typeof part === 'string'
        ? { kind: 'address', negated, side: field, exact: part }
        : { kind: 'address', negated, side: field, range: part.addresses };
    }
    case 'sport':
    case 'dport': {
      const range = portRange(op, right);
      return range && { kind: 'port', negated, side: field === 'sport' ? 'src' : 'dst', ranges: [range] };
    }
    case 'protocol':
      return typeof right === 'string' || typeof right === 'number'
        ? { kind: 'protocol', negated, protocol: protocolName(String(right)) }
        : undefined;
    case 'in':
    case 'out':
      return typeof right === 'string' ? { kind: 'device', negated, side: field, name: right } : undefined;
    case 'src-type':
    case 'dst-type':
      return typeof right === 'string'
        ? { kind: 'address-type', negated, side: field === 'src-type' ? 'src' : 'dst', types: [right] }
        : undefined;
    default:
      return undefined;
  }
}

const BOUNDS: ReadonlyMap<string, (value: number) => PortRange> = new Map(
  Object.entries<(value: number) => PortRange>({
    '==': (value) => [value, value],
    '!=': (value) => [value, value],
    '<': (value) => [0, value - 1],
    '<=': (value) => [0, value],
    '>': (value) => [value + 1, 65535],
    '>=': (value) => [value, 65535],
  }),
);

function portRange(op: string, right: unknown): PortRange | undefined {
  if (typeof right === 'number') return BOUNDS.get(op)?.(right);
  const part = keyPart(right);
  return part !== undefined && typeof part !== 'string' && 'numbers' in part ? part.numbers : undefined;
}

function conntrack(ct: Json, right: unknown, negated: boolean): Match | undefined {
  const states = (typeof right === 'string' ? [right] : listOf(isObject(right) ? right['set'] : right)).map(
    textOf,
  );
  if (ct['key'] === 'state') return { kind: 'conntrack', negated, states };
  return ct['key'] === 'status' && states.every((status) => status === 'dnat' || status === 'snat')
    ? { kind: 'conntrack', negated, states }
    : undefined;
}
