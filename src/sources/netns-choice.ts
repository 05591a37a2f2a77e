/** Which namespaces to trace, as the user names them. */
import { stat } from 'node:fs/promises';
import { UsageError } from '../events/errors.ts';
import type { NetnsEvent } from '../events/event.ts';
import { nearest } from '../events/suggest.ts';

/** Whether a choice can be followed only when it is known what is there: one that does not exist would trace nothing. */
export const namesNeeded = (wanted: readonly string[]): boolean =>
  wordsOf(wanted).some((word) => word !== 'all' && word !== 'auto');

/**
 * Inode numbers of the chosen ones; none means all.
 * @param known what is known of this machine's namespaces
 */
export async function chooseNetns(
  wanted: readonly string[],
  known: readonly NetnsEvent[],
): Promise<number[]> {
  const words = wordsOf(wanted);
  if (words.some((word) => word === 'all' || word === 'auto')) {
    if (words.length === 1) return [];
    throw new UsageError(
      `--netns: ${words.join(' ')} contradict each other`,
      'give auto or all alone, or names',
    );
  }
  const chosen = new Set<number>();
  for (const word of words) chosen.add(await inumOf(word, known));
  return [...chosen];
}

/** As many as one reads in a line. */
const SHOWN = 6;

const wordsOf = (wanted: readonly string[]): string[] =>
  wanted.flatMap((word) => word.split(',')).filter((word) => word !== '');

async function inumOf(word: string, known: readonly NetnsEvent[]): Promise<number> {
  const isNumber = /^\d{1,10}$/.test(word);
  const named = known.filter(({ netns, name, pod }) =>
    isNumber ? netns === Number(word) : name === word || pod === word,
  );
  const [first] = named;
  if (first !== undefined && named.length === 1) return first.netns;
  if (named.length > 1) {
    const inums = named.map((netns) => String(netns.netns)).join(', ');
    throw new UsageError(`--netns: ${word} names several namespaces`, `give one of their numbers: ${inums}`);
  }
  // One that holds no process and was made after the names were read.
  const file = /^[\w.:-]+$/.test(word) ? await stat(`/run/netns/${word}`).catch(() => undefined) : undefined;
  if (file !== undefined) return file.ino;
  const near = nearest(
    word,
    known.map((netns) => netns.name),
  );
  const there = known.slice(0, SHOWN).map(({ netns, name }) => `${name} (${String(netns)})`);
  const more = known.length > SHOWN ? ` and ${String(known.length - SHOWN)} more` : '';
  throw new UsageError(
    `--netns: there is no namespace ${word}`,
    `${near === undefined ? '' : `did you mean ${near}? `}there are ${there.join(', ')}${more}; \`lsns -t net\` lists them`,
  );
}
