import type { Chain, ParsedRule } from './model.ts';
import type { Place } from './place.ts';
import { placeKey } from './targets.ts';

/** Rules of a long chain by what few packets have: their destination, or the endpoint they were sent to. */
export interface RuleIndex {
  candidates(dst: string, dport: number, endpoint: Place | undefined): readonly number[];
}

export function buildIndex(
  rules: readonly ParsedRule[],
  chainNamed: (name: string) => Chain | undefined,
): RuleIndex {
  const byAddress = new Map<string, number[]>();
  const byPort = new Map<number, number[]>();
  const byEndpoint = new Map<string, number[]>();
  const toEndpoints: number[] = [];
  const rest: number[] = [];
  rules.forEach((rule, index) => {
    const address = exactDestination(rule);
    const port = address === undefined ? exactPort(rule) : undefined;
    const endpoint =
      address === undefined && port === undefined ? chosenEndpoint(rule, chainNamed) : undefined;
    if (address !== undefined) append(byAddress, address, index);
    else if (port !== undefined) append(byPort, port, index);
    else if (endpoint) {
      append(byEndpoint, placeKey(endpoint), index);
      toEndpoints.push(index);
    } else rest.push(index);
  });
  return {
    candidates: (dst, dport, endpoint) =>
      merge([
        byAddress.get(dst),
        byPort.get(dport),
        endpoint ? byEndpoint.get(placeKey(endpoint)) : toEndpoints,
        rest,
      ]),
  };
}

function exactDestination(rule: ParsedRule): string | undefined {
  for (const step of rule.steps) {
    if (step.kind !== 'match') return undefined;
    const { match } = step;
    if (match.kind === 'address' && match.side === 'dst' && !match.negated && match.exact !== undefined) {
      return match.exact;
    }
  }
  return undefined;
}

function exactPort(rule: ParsedRule): number | undefined {
  for (const step of rule.steps) {
    if (step.kind !== 'match') return undefined;
    const { match } = step;
    if (match.kind !== 'port' || match.side !== 'dst' || match.negated) continue;
    const [range, another] = match.ranges;
    if (range && !another && range[0] === range[1]) return range[0];
  }
  return undefined;
}

/** Where luck alone decides whether a packet goes to an endpoint, the endpoint it went to tells the rule. */
function chosenEndpoint(
  { steps }: ParsedRule,
  chainNamed: (name: string) => Chain | undefined,
): Place | undefined {
  let byChance = false;
  for (const step of steps) {
    if (step.kind === 'match' && step.match.kind === 'chance') byChance = true;
    else if (step.kind === 'verdict') {
      const { verdict } = step;
      return byChance && verdict.kind === 'jump' ? chainNamed(verdict.chain)?.endpoint : undefined;
    } else return undefined;
  }
  return undefined;
}

function append<Key>(map: Map<Key, number[]>, key: Key, index: number): void {
  const list = map.get(key);
  if (list) list.push(index);
  else map.set(key, [index]);
}

function merge(lists: readonly (readonly number[] | undefined)[]): readonly number[] {
  const filled = lists.filter((list) => list !== undefined && list.length > 0);
  const [only, another] = filled;
  return another ? filled.flatMap((list) => list ?? []).sort((a, b) => a - b) : (only ?? []);
}
