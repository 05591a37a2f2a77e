/**
 * Which requests are wanted. Clauses are AND; the values of one clause are OR, `!value` excludes. The flags
 * of the command line and the text typed into the live view both end here.
 */
import { UsageError } from '../../events/errors.ts';
import { exchangeWords, helloWords, lookupWords } from '../exchange-words.ts';
import type { Request } from '../request.ts';
import { FIELDS, fieldNamed, parseRange, testOf } from './fields.ts';
import type { Field, Test } from './fields.ts';
import { endpointsOf, exchangesOf, hopsOf, wayOf } from './way.ts';

export interface Filter {
  /** As it can be typed again; '' when everything is wanted. */
  readonly text: string;
  readonly matches: Test;
}

/** The values given for each field, by its name: `{ ip: ['10.0.0.0/8', '!10.0.0.1'] }`. */
export type FieldValues = Readonly<Record<string, readonly string[] | undefined>>;

export function filterOf(values: FieldValues): Filter {
  const clauses: Clause[] = [];
  for (const field of FIELDS) {
    const given = values[field.name];
    if (given !== undefined && given.length > 0) clauses.push(clauseOf(field, given));
  }
  return allOf(clauses);
}

/** `ip=10.0.0.0/8 state=dropped,refused !pod=default/web --port 80 some words`. */
export function parseFilter(text: string): Filter {
  const values = new Map<Field, string[]>();
  const words: Clause[] = [];
  const tokens = text.split(/\s+/).filter((token) => token !== '');
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    const parsed = /^(!?)(--?)?([a-zA-Z-]+)(?:=(.*))?$/.exec(token);
    const [, not = '', dashes, name = '', assigned] = parsed ?? [];
    if (parsed === null || (dashes === undefined && assigned === undefined)) {
      if (token !== '!') words.push(wordClause(token));
      continue;
    }
    const field = fieldNamed(name);
    const value = assigned ?? tokens.shift();
    if (value === undefined) {
      throw new UsageError(`${field.name}: a value is missing`, `give ${field.name}=${field.value}`);
    }
    const given = value.split(',').map((v) => (not === '' ? v : negated(v)));
    values.set(field, [...(values.get(field) ?? []), ...given]);
  }
  return allOf([...[...values].map(([field, given]) => clauseOf(field, given)), ...words]);
}

export interface Clause {
  readonly text: string;
  readonly test: Test;
}

function allOf(clauses: readonly Clause[]): Filter {
  return {
    text: clauses.map((clause) => clause.text).join(' '),
    matches: (request) => clauses.every((clause) => clause.test(request)),
  };
}

/** Of the values one must fit, if any are wanted, and none of the excluded. */
export function clauseOf(field: Field, given: readonly string[]): Clause {
  const values = given.flatMap((value) => value.split(',')).map((value) => value.trim());
  const excluded = values.filter((v) => v.startsWith('!')).map((v) => testOf(field, v.slice(1)));
  const wanted = values.filter((v) => !v.startsWith('!')).map((v) => testOf(field, v));
  return {
    text: `${field.name}=${values.join(',')}`,
    test: (request) =>
      (wanted.length === 0 || wanted.some((test) => test(request))) &&
      !excluded.some((test) => test(request)),
  };
}

export const negated = (value: string): string => (value.startsWith('!') ? value.slice(1) : `!${value}`);

/** A bare word: an address or range on the way, or a piece of anything that is shown. */
function wordClause(token: string): Clause {
  const not = token.startsWith('!');
  const word = not ? token.slice(1) : token;
  const inside = parseRange(word);
  const test: Test =
    inside === undefined
      ? (request) => textOf(request).includes(word.toLowerCase())
      : (request) => {
          const way = wayOf(request);
          return [...way.sources, ...way.destinations].some(inside);
        };
  return { text: token, test: not ? (request) => !test(request) : test };
}

function textOf(request: Request): string {
  const parts: (string | number | undefined)[] = [
    request.id,
    request.protocol,
    request.state,
    request.clientIp.verdict,
    request.clientIp.cause,
    request.failure?.kind,
    request.failure?.reason,
  ];
  for (const { ip, port, name, node, portName } of endpointsOf(request)) {
    parts.push(port === undefined ? ip : `${ip}:${String(port)}`, name, node, portName);
  }
  for (const { kind, node, netns, hook, device, before, after, rule, process } of hopsOf(request)) {
    parts.push(kind, node, netns?.name, hook, device?.in, device?.out);
    parts.push(before?.src, before?.dst, after?.src, after?.dst);
    parts.push(rule?.chain, rule?.service, rule?.comment, process?.comm, ...(rule?.via ?? []));
  }
  for (const http of exchangesOf(request)) parts.push(exchangeWords(http), http.requestId, http.sni);
  if (request.tls !== undefined) parts.push(helloWords(request.tls));
  if (request.dns !== undefined) parts.push(lookupWords(request.dns));
  for (const { kind, values } of request.clientIp.carriers) parts.push(kind, ...values);
  return parts
    .filter((part) => part !== undefined)
    .join('\n')
    .toLowerCase();
}
