import { clean } from '../../events/clean.ts';
import type { Rule } from '../../trace/request.ts';
import type { Found, Trail } from './journey.ts';
import { serviceOf } from './service.ts';

/** A map of a thousand endpoints stands in one rule. */
const LONGEST_TEXT = 1024;
/** XT_EXTENSION_MAXNAMELEN and NFT_USERDATA_MAXLEN keep names and comments below this. */
const LONGEST_NAME = 256;

/** @param unknown matches that it rests on and of which nothing is known, in words */
export function toRule(
  found: Found,
  service = serviceOf(found),
  unknown: readonly string[] = [],
  source?: Rule['source'],
): Rule {
  const { table, chain, rule } = found;
  const via: string[] = [];
  for (let at: Trail | undefined = found.trail; at; at = at.outer)
    via.unshift(clean(at.chain.name, LONGEST_NAME));
  const comment = found.comment ?? rule?.comment;
  return {
    family: table.family,
    table: clean(table.name, LONGEST_NAME),
    chain: clean(chain.name, LONGEST_NAME),
    via,
    text: clean(rule?.text ?? `-P ${chain.name} ${chain.base?.policy.toUpperCase() ?? ''}`, LONGEST_TEXT),
    ...(comment === undefined ? {} : { comment: clean(comment, LONGEST_NAME) }),
    ...(service === undefined ? {} : { service: clean(service, LONGEST_NAME) }),
    ...(unknown.length > 0 && { unknownMatches: unknown.map((text) => clean(text, LONGEST_NAME)) }),
    ...(source === undefined ? {} : { source }),
  };
}
