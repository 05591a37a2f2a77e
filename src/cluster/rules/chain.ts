import type { Base, Chain, ParsedRule } from './model.ts';
import { buildIndex, type RuleIndex } from './rule-index.ts';
import type { Place } from './place.ts';
import { placeOf } from './targets.ts';

/** Below this many rules, walking them is as quick as looking them up. */
const INDEXED_FROM = 12;

/** A chain whose rules are read when they are first asked for: of 100,000 rules a trace meets a few hundred. */
export class LazyChain implements Chain {
  readonly name: string;
  readonly base?: Base;
  readonly #chainNamed: (name: string) => Chain | undefined;
  #read: (() => readonly ParsedRule[]) | undefined;
  #rules: readonly ParsedRule[] = [];
  #index: RuleIndex | undefined;
  #endpoint: Place | null | undefined;

  constructor(
    name: string,
    base: Base | undefined,
    read: () => readonly ParsedRule[],
    chainNamed: (name: string) => Chain | undefined,
  ) {
    this.name = name;
    if (base) this.base = base;
    this.#read = read;
    this.#chainNamed = chainNamed;
  }

  get rules(): readonly ParsedRule[] {
    if (this.#read) {
      this.#rules = this.#read();
      this.#read = undefined;
    }
    return this.#rules;
  }

  get onlyMarks(): boolean {
    return (
      this.rules.length <= SMALL &&
      this.rules.every(({ steps }) => steps.every(({ kind }) => kind === 'mark'))
    );
  }

  get endpoint(): Place | undefined {
    if (this.#endpoint === undefined) this.#endpoint = this.#findEndpoint() ?? null;
    return this.#endpoint ?? undefined;
  }

  candidates(dst: string, dport: number, endpoint: Place | undefined): readonly number[] | undefined {
    if (this.rules.length < INDEXED_FROM) return undefined;
    this.#index ??= buildIndex(this.rules, this.#chainNamed);
    return this.#index.candidates(dst, dport, endpoint);
  }

  #findEndpoint(): Place | undefined {
    if (this.rules.length > SMALL) return undefined;
    let found: Place | undefined;
    for (const { steps } of this.rules) {
      for (const step of steps) {
        if (step.kind === 'verdict-map') return undefined;
        if (step.kind !== 'verdict') continue;
        const { verdict } = step;
        if (verdict.kind === 'jump' && this.#chainNamed(verdict.chain)?.onlyMarks === true) continue;
        if (verdict.kind !== 'dnat' || verdict.to.kind !== 'one' || found) return undefined;
        found = placeOf(verdict.to.target);
        if (!found) return undefined;
      }
    }
    return found;
  }
}

/** The chain of an endpoint has two or three rules, one that marks has one. */
const SMALL = 4;
