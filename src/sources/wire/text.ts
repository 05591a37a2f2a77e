import { clean } from '../../events/clean.ts';

/** Text of a head, read as latin1 and thus byte for byte: as UTF-8 if it is more than ASCII, cleaned and cut. */
export function plain(text: string, limit: number): string {
  if (text.length <= limit && PRINTABLE.test(text)) return text;
  return clean(Buffer.from(text, 'latin1').toString('utf8'), limit);
}

/** Most of what is read: nothing to clean. */
const PRINTABLE = /^[\x20-\x7e]*$/;
