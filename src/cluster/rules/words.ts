/** Splits a line as iptables-save writes it: words, some in double quotes, with backslash escapes within. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < line.length;) {
    const code = line.charCodeAt(at);
    if (code === SPACE) at++;
    else if (code === QUOTE) at = quoted(line, at + 1, words);
    else {
      const space = line.indexOf(' ', at);
      const end = space < 0 ? line.length : space;
      words.push(line.slice(at, end));
      at = end;
    }
  }
  return words;
}

const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

function quoted(line: string, start: number, words: string[]): number {
  let at = start;
  let escaped = false;
  while (at < line.length && line.charCodeAt(at) !== QUOTE) {
    if (line.charCodeAt(at) === BACKSLASH) {
      escaped = true;
      at++;
    }
    at++;
  }
  const word = line.slice(start, at);
  words.push(escaped ? word.replace(/\\(.)/g, '$1') : word);
  return at + 1;
}
