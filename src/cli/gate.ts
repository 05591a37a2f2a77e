/** `--expect`: what holds every request against what was expected, so that a pipeline can end on it. */
import type { Command } from 'commander';
import { FailedError } from '../events/errors.ts';
import { parseExpectation } from '../trace/filter/expectation.ts';
import type { Expectation } from '../trace/filter/expectation.ts';
import type { Request } from '../trace/request.ts';
import { countOf } from './tracer-notes.ts';

export function addExpect(verb: Command, of = 'every request'): void {
  verb.option(
    '--expect <field=value>',
    `exit 1 unless ${of} is so, and print those that are not: client-ip=preserved, http-status=!5xx; several are AND`,
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
  );
}

export function gateFrom(verb: Command): Gate | undefined {
  const { expect } = verb.opts<{ readonly expect?: readonly string[] }>();
  return expect && new Gate(parseExpectation(expect));
}

export class Gate {
  private readonly expectation: Expectation;
  private readonly seen = new Set<string>();
  private readonly offending = new Set<string>();
  private readonly told = new Set<string>();

  constructor(expectation: Expectation) {
    this.expectation = expectation;
  }

  /**
   * A request that is told again, corrected, is judged by what is told last.
   * @returns what it does not meet; undefined where there is nothing to print
   */
  take(request: Request): readonly string[] | undefined {
    const { id } = request;
    const unmet = this.expectation.unmet(request);
    this.seen.add(id);
    if (unmet.length > 0) {
      this.offending.add(id);
      this.told.add(id);
    } else this.offending.delete(id);
    return this.told.has(id) ? unmet : undefined;
  }

  /** Nothing seen is nothing shown to be so: a filter with a slip in it, or a trace that began too late. */
  get failure(): FailedError | undefined {
    const { text } = this.expectation;
    if (this.seen.size === 0) {
      return new FailedError(
        `expected ${text}, and no request was seen that could be so`,
        'see that the traffic runs while this does, and that the filters let it through',
      );
    }
    if (this.offending.size === 0) return undefined;
    return new FailedError(
      `expected ${text}, and ${String(this.offending.size)} of ${countOf(this.seen.size, 'request')} ${this.offending.size === 1 ? 'is' : 'are'} not so`,
      'they stand on stdout; `nathop explain` tells why',
    );
  }
}
