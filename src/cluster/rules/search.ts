/**
 * Finds the way through the rules that a packet took, knowing how it ended. Where the rules leave a choice
 * (random, affinity, sets filled by packets, what is not understood) both ways are tried, and the observed
 * end decides.
 */
import type { Chain, ParsedRule, Verdict } from './model.ts';
import {
  START,
  advance,
  found,
  move,
  packetIn,
  ruleAt,
  type Cursor,
  type Frame,
  type Standing,
  type State,
} from './cursor.ts';
import type { Found, Freedom, Journey, Outcome, Trail } from './journey.ts';
import type { Place } from './place.ts';
import { readRule, type Branch, type Reading } from './read-rule.ts';
import { leadsTo, placeKey, type Rewriting } from './targets.ts';

/** Rules that may still be looked at: a hostile or huge rule set costs a bounded time. */
export interface Budget {
  left: number;
}

export function search(journey: Journey, freedom: Freedom, budget: Budget): Outcome | undefined {
  return new Search(journey, freedom, budget).run();
}

type Next = Cursor | { readonly outcome: Outcome } | undefined;

/** Choices within choices; beyond, a rule that may match is taken not to. */
const DEEPEST = 200;

class Search {
  readonly #journey: Journey;
  readonly #freedom: Freedom;
  readonly #budget: Budget;
  /** Where DNAT took the packet, where that is certain: endpoints elsewhere need not be tried. */
  readonly #endpoint: Place | undefined;
  /** Places left behind without finding the end, once there was a choice. */
  readonly #tried = new Set<string>();
  #choices = 0;
  #depth = 0;

  constructor(journey: Journey, freedom: Freedom, budget: Budget) {
    this.#journey = journey;
    this.#freedom = freedom;
    this.#budget = budget;
    const place = journey.end.kind === 'destination' ? journey.end.place : journey.destination;
    this.#endpoint = freedom.anyDestination ? undefined : place;
  }

  run(): Outcome | undefined {
    return this.#follow(this.#chainAt(0, 0, START));
  }

  #follow(start: Next): Outcome | undefined {
    let next = start;
    while (next && !('outcome' in next)) {
      if (this.#budget.left-- <= 0) return undefined;
      const cursor: Cursor = next;
      const rule = ruleAt(cursor);
      next = rule ? this.#ask(rule, cursor) : this.#endChain(cursor, cursor.state);
    }
    return next?.outcome;
  }

  #ask(rule: ParsedRule, cursor: Cursor): Next {
    const { state } = cursor;
    const reading = readRule(
      rule,
      packetIn(cursor),
      cursor.stage.hook,
      state.mark,
      this.#freedom.anyMark ?? false,
    );
    const passed = advance(
      cursor,
      reading.asked === 0 ? state : { ...state, asked: state.asked | reading.asked },
    );
    if (reading.answer === 'no') return passed;
    const assumed = reading.unknowns.length === 0 ? state.assumed : [...state.assumed, ...reading.unknowns];
    if (assumed.length > this.#freedom.assumptions) return passed;
    const taken = advance(cursor, this.#after(rule, cursor, reading, assumed));
    const [branch, another] = reading.branches;
    if (reading.answer === 'yes' && !another) return branch ? this.#take(branch, rule, taken) : taken;
    return this.#choose(rule, taken, passed, reading.branches);
  }

  #choose(rule: ParsedRule, taken: Cursor, passed: Cursor, branches: readonly Branch[]): Next {
    if (branches.length === 0 && taken.state.mark === passed.state.mark) return passed;
    this.#choices++;
    if (this.#depth >= DEEPEST) return passed;
    this.#depth++;
    for (const branch of branches.length === 0 ? [undefined] : branches) {
      if (this.#budget.left <= 0) break;
      if (branch && this.#leadsElsewhere(branch, taken)) continue;
      const outcome = this.#follow(branch ? this.#take(branch, rule, taken) : taken);
      if (outcome) return { outcome };
    }
    this.#depth--;
    return passed;
  }

  #leadsElsewhere({ verdict }: Branch, { base }: Cursor): boolean {
    if (!this.#endpoint || !('chain' in verdict)) return false;
    const endpoint = base.table.chains.get(verdict.chain)?.endpoint;
    return endpoint !== undefined && placeKey(endpoint) !== placeKey(this.#endpoint);
  }

  #after(rule: ParsedRule, cursor: Cursor, reading: Reading, assumed: readonly string[]): State {
    const { state } = cursor;
    if (reading.mark === state.mark && reading.asked === 0 && assumed === state.assumed) return state;
    const bits = reading.mark & ~state.mark;
    const marked =
      bits === 0 ? state.marked : { bits, by: found(cursor, rule, undefined), before: state.marked };
    return { ...state, mark: reading.mark, marked, asked: state.asked | reading.asked, assumed };
  }

  #take({ verdict, comment }: Branch, rule: ParsedRule, cursor: Cursor): Next {
    switch (verdict.kind) {
      case 'jump':
      case 'goto':
        return this.#jump(verdict, comment, rule, cursor);
      case 'return':
        return this.#endChain(cursor, cursor.state);
      case 'accept':
        return this.#chainAt(cursor.stageIndex, cursor.order + 1, cursor.state);
      case 'drop':
      case 'reject':
        return this.#refuse(verdict.kind, found(cursor, rule, comment), cursor);
      default:
        return this.#rewrite(verdict, found(cursor, rule, comment), cursor);
    }
  }

  #jump(
    { kind, chain: name }: Extract<Verdict, { kind: 'jump' | 'goto' }>,
    comment: string | undefined,
    rule: ParsedRule,
    cursor: Cursor,
  ): Next {
    const { frame } = cursor;
    const chain = cursor.base.table.chains.get(name);
    if (!chain) return undefined;
    const trail = { chain: frame.chain, rule, comment, outer: frame.trail };
    const entered =
      kind === 'goto'
        ? this.#enter(cursor, chain, trail, frame.outer, frame.resume)
        : this.#enter(cursor, chain, trail, frame, cursor.next);
    return move(cursor, entered, 0, cursor.state);
  }

  #endChain(cursor: Cursor, state: State): Next {
    const { outer, resume } = cursor.frame;
    if (outer) {
      const next = move(cursor, outer, resume, state);
      return this.#choices > 0 && this.#triedBefore(next) ? undefined : next;
    }
    return cursor.base.base.policy === 'drop'
      ? this.#refuse('drop', found(cursor, undefined, undefined), cursor)
      : this.#chainAt(cursor.stageIndex, cursor.order + 1, state);
  }

  #triedBefore({ stageIndex, order, frame, next, state }: Cursor): boolean {
    let key = `${stageIndex} ${order} ${next} ${state.mark} ${state.assumed.length} ${state.settled}`;
    for (let at: Frame | undefined = frame; at; at = at.outer) key += ` ${at.chain.name} ${at.resume}`;
    if (this.#tried.has(key)) return true;
    this.#tried.add(key);
    return false;
  }

  /** The first rule of a base chain, or of the first after it that the packet meets. */
  #chainAt(fromStage: number, fromOrder: number, before: State): Next {
    const { stages, end, destination, translation } = this.#journey;
    let state = before;
    let order = fromOrder;
    for (let stageIndex = fromStage; stageIndex < stages.length; stageIndex++, order = 0) {
      const stage = stages[stageIndex];
      if (!stage) return undefined;
      // The end is a rewrite that this hook has already done otherwise.
      if (stageIndex + 1 === stages.length && state.settled && end.kind !== 'refused') return undefined;
      while (state.settled && stage.chains[order]?.base.type === 'nat') order++;
      const base = stage.chains[order];
      if (base) {
        const frame = this.#enter({ stage, state }, base.chain, undefined, undefined, 0);
        return { stage, stageIndex, base, order, frame, next: 0, state };
      }
      if (stageIndex === translation && destination && !state.settled && !this.#freedom.anyDestination)
        return undefined;
      state = { ...state, settled: false };
    }
    return undefined;
  }

  #enter(
    standing: Standing,
    chain: Chain,
    trail: Trail | undefined,
    outer: Frame | undefined,
    resume: number,
  ): Frame {
    const { dst, dport } = packetIn(standing);
    return { chain, candidates: chain.candidates(dst, dport, this.#endpoint), trail, outer, resume };
  }

  #refuse(how: 'drop' | 'reject', by: Found, cursor: Cursor): Next {
    const { end } = this.#journey;
    const fits = end.kind === 'refused' && end.how === how && this.#isLast(cursor);
    return fits ? this.#found(by, cursor.state) : undefined;
  }

  #rewrite(verdict: Rewriting, by: Found, cursor: Cursor): Next {
    const { end, destination } = this.#journey;
    const packet = packetIn(cursor);
    const given = { packet, mark: cursor.state.mark, hook: cursor.stage.hook };
    const side = verdict.kind === 'dnat' || verdict.kind === 'redirect' ? 'destination' : 'source';
    if (this.#isLast(cursor) && end.kind === side) {
      if (end.kind === 'source' && (end.target ?? verdict.kind) !== verdict.kind) return undefined;
      const fits = end.place === undefined || leadsTo(verdict, end.place, given) !== 'no';
      return fits ? this.#found(by, cursor.state) : undefined;
    }
    if (side === 'destination') {
      const place = destination ?? { ip: packet.dst, port: packet.dport };
      if (leadsTo(verdict, place, given) === 'no' && !this.#freedom.anyDestination) return undefined;
    }
    const settled =
      side === 'destination'
        ? { ...cursor.state, settled: true, translatedBy: by }
        : { ...cursor.state, settled: true };
    return this.#chainAt(cursor.stageIndex, cursor.order + 1, settled);
  }

  #isLast(cursor: Cursor): boolean {
    return cursor.stageIndex + 1 === this.#journey.stages.length;
  }

  #found(by: Found, { marked, asked, translatedBy, assumed }: State): Next {
    let markedBy: Found | undefined;
    for (let entry = marked; entry; entry = entry.before) {
      if ((entry.bits & asked) !== 0) markedBy = entry.by;
    }
    return { outcome: { ...by, markedBy, translatedBy, assumed } };
  }
}
