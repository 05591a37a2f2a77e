/** What every request is expected to be: `--expect client-ip=preserved`, in the fields that filters have. */
import { UsageError } from '../../events/errors.ts';
import type { Request } from '../request.ts';
import { fieldNamed } from './fields.ts';
import { clauseOf, negated } from './filter.ts';
import type { Clause } from './filter.ts';

export interface Expectation {
  /** As it can be typed again. */
  readonly text: string;
  /** The clauses that a request does not meet. What is not known of it meets none that asks for it. */
  unmet(request: Request): string[];
}

/** @param texts each `FIELD=VALUE[,VALUE…]`: its values are OR, `!VALUE` excludes; several texts are AND */
export function parseExpectation(texts: readonly string[]): Expectation {
  const clauses = texts.map(parseClause);
  return {
    text: clauses.map(({ text }) => text).join(' '),
    unmet: (request) => clauses.filter(({ test }) => !test(request)).map(({ text }) => text),
  };
}

function parseClause(text: string): Clause {
  const [, not = '', name = '', values = ''] = /^(!?)([a-zA-Z-]+)=(.*)$/.exec(text.trim()) ?? [];
  if (name === '') {
    throw new UsageError(
      `"${text}" is nothing to expect`,
      "give FIELD=VALUE, as in --expect 'client-ip=preserved' or --expect 'http-status=!5xx'",
    );
  }
  const given = values.split(',').map((value) => value.trim());
  const clause = clauseOf(fieldNamed(name), not === '' ? given : given.map(negated));
  // By the name that was typed: an alias is how its reader knows it.
  return { ...clause, text: `${name}=${clause.text.slice(clause.text.indexOf('=') + 1)}` };
}
