/** Where a search stands. All of it is immutable, so that a choice can be taken back. */
import type { BaseChain, Found, Marked, Stage, Trail } from './journey.ts';
import type { Chain, ParsedRule } from './model.ts';
import type { Packet } from './packet.ts';

export interface State {
  readonly mark: number;
  readonly marked: Marked | undefined;
  /** Bits of the mark that were on when a rule asked for them. */
  readonly asked: number;
  readonly translatedBy: Found | undefined;
  /** Matches taken to match of which nothing is known, in words. */
  readonly assumed: readonly string[];
  /** This hook's rewrite is done: nf_nat_inet_fn asks no further chain of type nat. */
  readonly settled: boolean;
}

export const START: State = {
  mark: 0,
  marked: undefined,
  asked: 0,
  translatedBy: undefined,
  assumed: [],
  settled: false,
};

/** A chain being walked; when it ends, `outer` goes on at `resume`. */
export interface Frame {
  readonly chain: Chain;
  readonly candidates: readonly number[] | undefined;
  readonly trail: Trail | undefined;
  readonly outer: Frame | undefined;
  readonly resume: number;
}

/** The next rule to ask, in which base chain of which hook. */
export interface Cursor {
  readonly stage: Stage;
  readonly stageIndex: number;
  readonly base: BaseChain;
  /** Of the base chain in its stage. */
  readonly order: number;
  readonly frame: Frame;
  /** Of the rule among the frame's candidates. */
  readonly next: number;
  readonly state: State;
}

export function ruleAt({ frame: { chain, candidates }, next }: Cursor): ParsedRule | undefined {
  if (!candidates) return chain.rules[next];
  const index = candidates[next];
  return index === undefined ? undefined : chain.rules[index];
}

/** Written out, since this runs once a rule, and spreading an object takes ten times as long. */
export function move(cursor: Cursor, frame: Frame, next: number, state: State): Cursor {
  const { stage, stageIndex, base, order } = cursor;
  return { stage, stageIndex, base, order, frame, next, state };
}

export const advance = (cursor: Cursor, state: State): Cursor =>
  move(cursor, cursor.frame, cursor.next + 1, state);

export type Standing = Pick<Cursor, 'stage' | 'state'>;

export const packetIn = ({ stage, state }: Standing): Packet =>
  state.settled ? stage.translated : stage.packet;

export function found(cursor: Cursor, rule: ParsedRule | undefined, comment: string | undefined): Found {
  const { chain, trail } = cursor.frame;
  return { table: cursor.base.table, chain, rule, comment, trail };
}
