/**
 * Rule sets of every syntax in one model, as netfilter runs them: base chains hang on hooks in order of
 * priority; a rule is a row of steps, each a match, a change of the packet mark, or a verdict.
 */
import type { Hook, RuleFamily } from '../../trace/request.ts';
import type { AddressRange } from './address.ts';
import type { Elements } from './elements.ts';
import type { Place } from './place.ts';

export interface RuleSet {
  readonly tables: readonly Table[];
}

export interface Table {
  readonly family: RuleFamily;
  readonly name: string;
  readonly chains: ReadonlyMap<string, Chain>;
}

export interface Chain {
  readonly name: string;
  /** Absent in chains that are only jumped to. */
  readonly base?: Base;
  readonly rules: readonly ParsedRule[];
  /** It does nothing but change the mark: a helper of the chains that jump here. */
  readonly onlyMarks: boolean;
  /** The one place its DNAT leads to, where it does nothing else of note. */
  readonly endpoint: Place | undefined;
  /**
   * Indices, in order, of the rules that a packet to this address and port, sent on to this endpoint (where
   * that is known), can match; undefined: all. The chain of all Services has tens of thousands of rules, of
   * which two or three matter to a packet.
   */
  candidates(dst: string, dport: number, endpoint: Place | undefined): readonly number[] | undefined;
}

/** What makes a chain a base chain. */
export interface Base {
  readonly type: 'nat' | 'filter' | 'route';
  readonly hook: Hook;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

export interface ParsedRule {
  /** As its own tool prints it, without counters and handle. */
  readonly text: string;
  readonly comment?: string;
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: 'match'; readonly match: Match }
  /** mark = (mark & keep) ^ flip: every bitwise change comes down to this (nft_bitwise). */
  | { readonly kind: 'mark'; readonly keep: number; readonly flip: number }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | {
      readonly kind: 'verdict-map';
      readonly key: readonly Field[];
      readonly map: Elements<Verdict>;
      /** Name of the map; absent where its elements stand in the rule. */
      readonly name?: string;
    };

export type Match = Negatable &
  (
    | {
        readonly kind: 'address';
        readonly side: Side;
        readonly exact?: string;
        readonly range?: AddressRange;
      }
    | { readonly kind: 'port'; readonly side: Side | 'either'; readonly ranges: readonly PortRange[] }
    | { readonly kind: 'protocol'; readonly protocol: string }
    | { readonly kind: 'family'; readonly family: 4 | 6 }
    /** A trailing `*` stands for any rest. */
    | { readonly kind: 'device'; readonly side: 'in' | 'out'; readonly name: string }
    | { readonly kind: 'address-type'; readonly side: Side; readonly types: readonly string[] }
    /** Lower case; `dnat` and `snat` are conntrack status bits, asked for in the same way. */
    | { readonly kind: 'conntrack'; readonly states: readonly string[] }
    | { readonly kind: 'mark'; readonly mask: number; readonly value: number }
    | {
        readonly kind: 'elements';
        readonly key: readonly Field[];
        readonly elements: Elements<true>;
        readonly name?: string;
      }
    /** Luck or memory decides (random, recent, rate limits, sets filled by packets): only the outcome tells. */
    | { readonly kind: 'chance'; readonly text: string }
    /** Not understood, or about what is not known of the packet. May match. */
    | { readonly kind: 'unknown'; readonly text: string }
  );

interface Negatable {
  readonly negated: boolean;
}

export type Side = 'src' | 'dst';
export type PortRange = readonly [first: number, last: number];

/** What a set or map is asked about. */
export type Field =
  | 'src'
  | 'dst'
  | 'sport'
  | 'dport'
  | 'protocol'
  | 'in'
  | 'out'
  | 'mark'
  | 'src-type'
  | 'dst-type'
  /** numgen, hashes: decided by luck. */
  | 'chance'
  | 'unknown';

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'dnat' | 'snat' | 'redirect' | 'masquerade'; readonly to: Targets };

/** Where a rewrite may lead; without address or port range, that part is left to the kernel or kept. */
export interface Target {
  readonly first?: string;
  /** Last of a range of addresses. */
  readonly last?: string;
  readonly ports?: PortRange;
}

export type Targets =
  | { readonly kind: 'any' }
  | { readonly kind: 'one'; readonly target: Target }
  | {
      readonly kind: 'map';
      readonly key: readonly Field[];
      readonly map: Elements<Target>;
      /** `ip port` of each target that is one place. */
      readonly exact: ReadonlySet<string>;
      readonly others: readonly Target[];
    };
