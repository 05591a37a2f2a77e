import type { Hook } from '../../trace/request.ts';
import type { Base, Chain, ParsedRule, Table } from './model.ts';
import type { Packet } from './packet.ts';
import type { Place } from './place.ts';

export interface BaseChain {
  readonly table: Table;
  readonly chain: Chain;
  readonly base: Base;
}

/** The hooks a packet met, in order, and how it ended in the last. */
export interface Journey {
  readonly stages: readonly Stage[];
  /** Index of the stage in which DNAT took it there, if it did: the first, but for IPVS, which waits for the input. */
  readonly translation: number;
  /** Where DNAT took it before the last stage, if it did. */
  readonly destination?: Place;
  readonly end: End;
}

export interface Stage {
  readonly hook: Hook;
  /** In order of priority. */
  readonly chains: readonly BaseChain[];
  readonly packet: Packet;
  /** As it stands once this hook's DNAT is done. */
  readonly translated: Packet;
}

export type End =
  | { readonly kind: 'destination'; readonly place: Place }
  /** Without a place, it may be rewritten to any; without a target, by SNAT or MASQUERADE. */
  | {
      readonly kind: 'source';
      readonly place: Place | undefined;
      readonly target: 'snat' | 'masquerade' | undefined;
    }
  | { readonly kind: 'refused'; readonly how: 'drop' | 'reject' };

/** What may be supposed where the rules as read do not lead to what was seen. */
export interface Freedom {
  /** How many unknown matches may be taken to match. */
  readonly assumptions: number;
  /** DNAT may have led elsewhere: the endpoint is gone from the rules. */
  readonly anyDestination?: boolean;
  /** The mark may have been set by what is not seen. */
  readonly anyMark?: boolean;
}

/** The chains jumped through, innermost first, each with the rule that jumped on. */
export interface Trail {
  readonly chain: Chain;
  readonly rule: ParsedRule;
  /** Of the map's element that led on. */
  readonly comment: string | undefined;
  readonly outer: Trail | undefined;
}

/** A rule that did something, and how it was reached. */
export interface Found {
  readonly table: Table;
  readonly chain: Chain;
  /** Undefined: the chain's policy. */
  readonly rule: ParsedRule | undefined;
  readonly comment: string | undefined;
  readonly trail: Trail | undefined;
}

export interface Outcome extends Found {
  /** The rule that first set the bits of the mark that let the packet come here. */
  readonly markedBy: Found | undefined;
  /** The rule that had translated the destination before. */
  readonly translatedBy: Found | undefined;
  /** Matches on the way here of which nothing is known and which were taken to match, in words. */
  readonly assumed: readonly string[];
}

export interface Marked {
  readonly bits: number;
  readonly by: Found;
  readonly before: Marked | undefined;
}
