/** The name that was asked before anything was dialled, or that the request itself asks. */
import { lookupBefore, lookupOf } from '../../trace/exchange-words.ts';
import type { Dns, Request } from '../../trace/request.ts';
import { paragraph, whoIs } from './parts.ts';
import type { Paragraph, Section } from './parts.ts';

export function lookup(request: Request): Section[] {
  const before = lookupBefore(request);
  if (before !== undefined) {
    const paragraphs = [paragraph(beforeTheDial(before, request)), ...tried(before)];
    return [{ title: 'THE NAME, before the dial', paragraphs }];
  }
  const own = lookupOf(request);
  const paragraphs = own === undefined ? [] : tried(own);
  return paragraphs.length === 0 ? [] : [{ title: 'THE NAME', paragraphs }];
}

function beforeTheDial(dns: Dns, { dialled }: Request): string {
  const resolver = dns.resolver === undefined ? 'a resolver' : whoIs(dns.resolver);
  const by = dns.server === undefined ? '' : ` by ${whoIs(dns.server)}`;
  const took = dns.durationMs === undefined ? '' : ` after ${dns.durationMs.toFixed(2)} ms`;
  const came =
    dns.rcode === undefined
      ? 'no answer was seen'
      : `answered${by}${took}: ${[dns.rcode, ...dns.answers].join(' ')}`;
  const given = dns.answers.includes(dialled.ip) ? `. That is the address it then dialled` : '';
  return `${resolver} was asked for ${dns.name} (${dns.type}); ${came}${given}.`;
}

function tried({ tried: names = [] }: Dns): Paragraph[] {
  if (names.length === 0) return [];
  const words = names.map(({ name, type, rcode }) => `${name} (${type}): ${rcode ?? 'no answer'}`);
  return [paragraph(`Tried before it, by the search list of the one who asked: ${words.join('; ')}.`)];
}
