/** What would bring the client's address to the server, what this request would meet then, and what that breaks. */
import { outcomeWord } from '../../trace/remedies/words.ts';
import type { Remedy, Request, Verdict, WhatIf } from '../../trace/request.ts';
import { paragraph, sentence } from './parts.ts';
import type { Paragraph, Section } from './parts.ts';

export function remedies({ clientIp }: Request): Section[] {
  if (clientIp.remedies.length === 0) return [];
  const title = TITLES[clientIp.verdict] ?? 'WHAT WOULD KEEP IT';
  return [{ title, paragraphs: clientIp.remedies.flatMap(remedyLines) }];
}

/** What was not served has kept nothing and lost nothing yet. */
const TITLES: Readonly<Partial<Record<Verdict, string>>> = {
  carried: 'WHAT MAKES USE OF IT',
  unknown: 'WHAT WOULD SERVE IT',
};

function remedyLines({ text, breaks, whatIf }: Remedy, index: number): Paragraph[] {
  return [
    paragraph(sentence(text), `${String(index + 1)}.`),
    ...(whatIf === undefined ? [] : [paragraph(whatIfLine(whatIf), 'this request')]),
    ...(breaks === '' ? [] : [paragraph(sentence(breaks), 'but')]),
  ];
}

const whatIfLine = (whatIf: WhatIf): string =>
  `Computed, not seen: ${outcomeWord(whatIf)}. ${sentence(capital(whatIf.text))}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
