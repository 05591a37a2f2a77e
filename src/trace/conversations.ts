/**
 * From heads to exchanges that are told: each put on its connection, tied to the one that caused it, and given out
 * when it is over and what belongs to it has come.
 */
import type { HeadEvent, Message } from '../events/head.ts';
import type { Connection } from './connection.ts';
import { firstOf, isTold, toldFor } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { Joints } from './joints.ts';
import type { Knowledge } from './knowledge.ts';
import { isAnswerCut, SETTLE_NS, UNANSWERED_NS } from './lifecycle.ts';
import { Lookups } from './lookups.ts';
import { isUnderstood, ProxySpeakers } from './proxy-mismatch.ts';
import type { Table } from './table.ts';

const asks = (message: Message): boolean =>
  message.what === 'http-request' || (message.what === 'dns' && !message.response);

export class Conversations {
  readonly lookups = new Lookups();
  readonly speakers = new ProxySpeakers();
  private readonly joints: Joints;
  /** Over, in the order of their ends. */
  private ended: Exchange[] = [];
  /** Questions to a resolver that wait for their answer, oldest first. */
  private waiting: Exchange[] = [];
  /** No longer told by themselves since they were found to be part of another. */
  private absorbed: Exchange[] = [];

  constructor(table: Table, knowledge: Knowledge) {
    this.joints = new Joints(table, knowledge);
  }

  hear(connection: Connection, event: HeadEvent): void {
    const exchange = connection.speak().hear(event);
    if (exchange === undefined) return;
    if (exchange.asked === undefined || asks(event.message)) this.asked(exchange, event.at);
    if (exchange.answer !== undefined) this.answered(exchange, event.at);
  }

  /** What a connection leaves unanswered is over with it; and so is an answer whose head alone came through. */
  connectionEnded(connection: Connection): void {
    const { dialogue, endedAt, lastAt } = connection;
    if (dialogue === undefined) return;
    const over = endedAt > 0 ? endedAt : lastAt;
    const { last } = dialogue;
    // Told as answered, it is told once more; and again, if the rest of it comes.
    if (last?.settled === true && last.isCut !== isCut(last)) this.ends(last, over);
    for (const exchange of [...dialogue.pending, ...(dialogue.hasWhole ? [dialogue.whole] : [])]) {
      if (exchange.endedAt === 0) this.ends(exchange, over);
    }
  }

  /**
   * A connection that failed without a word: a proxy may have dialled it for somebody.
   * @returns whether it is told as a part of what it was dialled for
   */
  connectionFailed(connection: Connection): boolean {
    if (connection.dialogue !== undefined || !this.joints.isPlaceOfOthers(connection)) return false;
    const { whole } = connection.speak();
    const joined = this.joints.join(whole) !== undefined;
    if (joined) this.absorbed.push(whole);
    else connection.dialogue = undefined;
    return joined;
  }

  /** @returns those that are over and settled, oldest end first */
  settled(at: number): Exchange[] {
    while (this.waiting[0] !== undefined && at - this.waiting[0].since > UNANSWERED_NS) {
      const exchange = this.waiting.shift() as Exchange;
      if (exchange.endedAt === 0) this.ends(exchange, at);
    }
    const count = this.ended.findIndex((exchange) => at - exchange.endedAt < SETTLE_NS);
    const done = count === -1 ? this.ended : this.ended.slice(0, count);
    if (done.length === 0) return [];
    this.ended = this.ended.slice(done.length);
    // What ended meanwhile may be their effects; by now all of it has been seen everywhere.
    for (const exchange of [...done, ...this.ended]) this.tie(exchange);
    for (const exchange of done) {
      exchange.isCut = isCut(exchange);
      exchange.settled = true;
      this.joints.withdraw(exchange);
      exchange.connection.dialogue?.settle(exchange);
    }
    return done.filter((exchange) => isTold(exchange));
  }

  /** What is told for a connection: its exchanges, or what they are part of; undefined where nothing was heard. */
  toldOf({ dialogue, emitted }: Connection): Exchange[] | undefined {
    if (dialogue === undefined || (dialogue.count === 0 && !dialogue.hasWhole)) return undefined;
    const whole = emitted === undefined ? [dialogue.whole] : [];
    const own = dialogue.count > 0 ? dialogue.pending : whole;
    return [...new Set(own.map(toldFor))].filter((exchange) => isTold(exchange) && !exchange.settled);
  }

  /** Exchanges that were told by themselves and no longer are, since the last call. */
  takeAbsorbed(): Exchange[] {
    const { absorbed } = this;
    this.absorbed = [];
    // A connection as one and the first exchange on it have one id: the one may be told for the other.
    return absorbed.filter(({ connection, index }) => connection.dialogue?.tellsOf(index) !== true);
  }

  private asked(exchange: Exchange, at: number): void {
    const message = exchange.asked?.message;
    if (message?.what === 'dns') {
      this.lookups.asked(exchange, message, at);
      this.waiting.push(exchange);
      return;
    }
    this.tie(exchange);
    this.joints.offer(exchange);
  }

  private answered(exchange: Exchange, at: number): void {
    const question = exchange.asked?.message;
    const answer = exchange.answer?.message;
    if (question?.what === 'dns' && answer?.what === 'dns') {
      this.lookups.answered(exchange, question, answer, at);
    }
    if (isUnderstood(exchange)) this.speakers.add(exchange.connection);
    for (const missed of exchange.connection.dialogue?.missedBefore(exchange) ?? []) this.ends(missed, at);
    // After it was told as unanswered, too: that is corrected.
    this.ends(exchange, at);
  }

  private ends(exchange: Exchange, at: number): void {
    exchange.endedAt = at;
    this.ended.push(exchange);
  }

  /** As far as can be told now; by the time it is settled, more was seen. */
  private tie(exchange: Exchange): void {
    const joint = this.joints.join(exchange);
    if (joint === undefined) return;
    if (toldFor(exchange) !== exchange) this.absorbed.push(exchange);
    if (!isTold(joint.exchange)) this.absorbed.push(joint.exchange);
  }
}

/** Whether its answer was seen to begin, and does not come to its end; only of the last one can that be. */
const isCut = ({ connection, answer, index }: Exchange): boolean =>
  answer !== undefined &&
  index + 1 >= (connection.dialogue?.count ?? 0) &&
  isAnswerCut(connection, firstOf(answer));
