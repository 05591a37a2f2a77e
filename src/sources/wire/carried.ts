/**
 * What headers say of who asked. The values stand as they were sent: whether one is an address, and whether it is
 * true, is for those who know the connections.
 */
import type { CarriedAddress } from '../../events/head.ts';
import { plain } from './text.ts';

const MAX_VALUES = 64;
/** An address with a port has 47 characters; obfuscated identifiers (RFC 7239, 6.3) are somewhat longer. */
const VALUE_LIMIT = 128;

/** @param lines the values of all the lines of one header, in their order */
export function carriedAddress(kind: CarriedAddress['kind'], lines: readonly string[]): CarriedAddress {
  const list = lines.join(',');
  const values = kind === 'forwarded' ? forValues(list) : list.split(',');
  return { kind, values: bounded(values.map((value) => value.trim()).filter((value) => value !== '')) };
}

function bounded(values: readonly string[]): string[] {
  const kept = values.length <= MAX_VALUES ? values : ['…', ...values.slice(1 - MAX_VALUES)];
  return kept.map((value) => (value === '…' ? value : plain(value, VALUE_LIMIT)));
}

/**
 * The for= values of `Forwarded` (RFC 7239, 4): elements by comma, their pairs by semicolon, values as tokens or
 * quoted strings, in which either may stand.
 */
function forValues(list: string): string[] {
  const values: string[] = [];
  for (const [pair] of list.matchAll(PAIR)) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, Math.max(equals, 0)).trim().toLowerCase() !== 'for') continue;
    const value = pair.slice(equals + 1).trim();
    const quoted = QUOTED.exec(value)?.[1];
    // A quote that does not end, or not where the value does, is no value.
    if (quoted !== undefined) values.push(quoted.replace(/\\(.)/gs, '$1'));
    else if (!value.includes('"')) values.push(value);
  }
  return values;
}

/** Up to a comma or semicolon outside quotes. Nothing follows the group, so that no text makes it look twice. */
const PAIR = /(?:[^,;"]|"(?:[^"\\]|\\.)*"?)+/gs;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/s;
