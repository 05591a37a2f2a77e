import type { Hook, RuleFamily } from '../../trace/request.ts';
import { LazyChain } from './chain.ts';
import type { Elements } from './elements.ts';
import { isObject, objectsIn, textOf, type Json } from './json.ts';
import type { Base, Chain, RuleSet, Table, Target, Verdict } from './model.ts';
import { matchElements, targetElements, verdictElements } from './nft-elements.ts';
import { parseNftRule } from './nft-rule.ts';

/** The sets and maps of a table, read when a rule first asks for them. */
export interface NftSets {
  matches(name: string): Elements<true> | undefined;
  verdicts(name: string): Elements<Verdict> | undefined;
  targets(name: string): Elements<Target> | undefined;
}

/** Reads the output of `nft -j list ruleset` (or of one table). Never throws. */
export function parseNft(text: string): RuleSet {
  const tables = new Map<string, TableParts>();
  for (const { chain, rule, set, map } of objectsIn(parseJson(text), 'nftables')) {
    if (isObject(chain))
      partsOf(tables, chain)?.chains.set(textOf(chain['name']), { json: chain, rules: [] });
    else if (isObject(rule)) {
      partsOf(tables, rule)?.chains.get(textOf(rule['chain']))?.rules.push(rule);
    } else {
      const named = isObject(set) ? set : map;
      if (isObject(named)) partsOf(tables, named)?.sets.set(textOf(named['name']), named);
    }
  }
  return { tables: [...tables.values()].map(buildTable) };
}

interface TableParts {
  readonly family: RuleFamily;
  readonly name: string;
  readonly chains: Map<string, { readonly json: Json; readonly rules: Json[] }>;
  readonly sets: Map<string, Json>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Tables of other families (bridge, arp, netdev) rewrite no addresses of a connection. */
function partsOf(tables: Map<string, TableParts>, object: Json): TableParts | undefined {
  const family = textOf(object['family']);
  const name = textOf(object['table']);
  if (family !== 'ip' && family !== 'ip6' && family !== 'inet') return undefined;
  const key = `${family} ${name}`;
  let parts = tables.get(key);
  if (!parts) tables.set(key, (parts = { family, name, chains: new Map(), sets: new Map() }));
  return parts;
}

function buildTable({ family, name, chains: read, sets: named }: TableParts): Table {
  const sets = lazySets(named);
  const chains = new Map<string, Chain>();
  for (const [chain, { json, rules }] of read) {
    chains.set(
      chain,
      new LazyChain(
        chain,
        baseOf(json),
        () => rules.map((rule) => parseNftRule(rule, family, sets)),
        (other) => chains.get(other),
      ),
    );
  }
  return { family, name, chains };
}

function lazySets(named: ReadonlyMap<string, Json>): NftSets {
  const once = <Value>(read: (set: Json) => Elements<Value>) => {
    const known = new Map<string, Elements<Value>>();
    return (name: string): Elements<Value> | undefined => {
      const json = named.get(name);
      let elements = known.get(name);
      if (!elements && json) known.set(name, (elements = read(json)));
      return elements;
    };
  };
  return { matches: once(matchElements), verdicts: once(verdictElements), targets: once(targetElements) };
}

const HOOKS: ReadonlyMap<string, Hook> = new Map(
  Object.entries<Hook>({
    prerouting: 'PREROUTING',
    input: 'INPUT',
    forward: 'FORWARD',
    output: 'OUTPUT',
    postrouting: 'POSTROUTING',
  }),
);

function baseOf(chain: Json): Base | undefined {
  const hook = HOOKS.get(textOf(chain['hook']));
  if (!hook) return undefined;
  const type = chain['type'];
  return {
    hook,
    type: type === 'nat' || type === 'route' ? type : 'filter',
    priority: typeof chain['prio'] === 'number' ? chain['prio'] : 0,
    policy: chain['policy'] === 'drop' ? 'drop' : 'accept',
  };
}
