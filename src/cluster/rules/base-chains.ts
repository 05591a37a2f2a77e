import type { Hook } from '../../trace/request.ts';
import { IPVS_TABLE } from './ipvs.ts';
import type { BaseChain } from './journey.ts';
import type { RuleSet, Table } from './model.ts';

/** The base chains that packets of one family meet, by hook and in order. */
export class BaseChains {
  readonly tables: readonly Table[];
  readonly #byHook = new Map<Hook, BaseChain[]>();

  constructor(
    family: 'ip' | 'ip6',
    iptables: RuleSet | undefined,
    nft: RuleSet | undefined,
    ipvs: RuleSet | undefined,
  ) {
    const own = [...(iptables?.tables ?? []), ...(ipvs?.tables ?? [])].filter(
      (table) => table.family === family,
    );
    const names = new Set(own.map(({ name }) => name));
    const native = (nft?.tables ?? []).filter(
      (table) =>
        (table.family === family && !(names.has(table.name) && isIptablesTable(table))) ||
        table.family === 'inet',
    );
    this.tables = [...own, ...native];
    for (const table of this.tables) {
      for (const chain of table.chains.values()) {
        if (chain.base) this.#add({ table, chain, base: chain.base });
      }
    }
    for (const chains of this.#byHook.values()) chains.sort((a, b) => a.base.priority - b.base.priority);
  }

  /** Whether IPVS takes packets here that come to an address of the node. */
  get hasVirtualServers(): boolean {
    return this.tables.some(({ name }) => name === IPVS_TABLE);
  }

  at(hook: Hook, which: 'all' | 'nat'): readonly BaseChain[] {
    const chains = this.#byHook.get(hook) ?? [];
    return which === 'all' ? chains : chains.filter(({ base }) => base.type === 'nat');
  }

  #add(chain: BaseChain): void {
    const chains = this.#byHook.get(chain.base.hook);
    if (chains) chains.push(chain);
    else this.#byHook.set(chain.base.hook, [chain]);
  }
}

/** iptables-nft keeps its tables in nftables too, where the listing loses half of what its rules say. */
function isIptablesTable({ chains }: Table): boolean {
  return [...chains.values()].every(({ base, name }) => !base || base.hook === name);
}
