import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { RulesEvent } from '../../events/event.ts';
import type { FoundNetns } from './find.ts';
import { readIpvs } from './ipvs.ts';
import { runForBytesIn } from './run.ts';
import type { RuleTables } from './tables.ts';

export interface RuleText {
  readonly syntax: RulesEvent['syntax'];
  readonly text: string;
  /** Equal for equal rules: counters and expiry times do not count. */
  readonly digest: string;
}

const IPTABLES_TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];
/** 60,000 rules take iptables-save four seconds and six megabytes. */
const PATIENCE = { timeoutMs: 60_000, maxBytes: 256 << 20 };

/** The rules of a namespace, one text a syntax, empty where it has none; a syntax that could not be read is left out. */
export async function readRules(namespace: FoundNetns, tables: RuleTables): Promise<RuleText[]> {
  const { path } = namespace;
  const has = (family: string): boolean =>
    IPTABLES_TABLES.some((name) => tables.nft.includes(`${family} ${name}`));
  // Where the plain name is the legacy variant it would show nothing of nftables' tables.
  const save = (
    family: 'iptables' | 'ip6tables',
    nft: boolean,
    legacy: boolean,
  ): Promise<string | undefined> =>
    joined(
      [
        ...(nft ? [[`${family}-nft-save`, `${family}-save`]] : []),
        ...(legacy ? [[`${family}-legacy-save`]] : []),
      ].map((commands) => saved(path, commands)),
    );
  const iptables = await save('iptables', has('ip'), tables.legacy4.length > 0);
  const ip6tables = await save('ip6tables', has('ip6'), tables.legacy6.length > 0);
  const native = tables.nft.filter((table) => isNative(table, iptables ?? '', ip6tables ?? ''));
  const texts = [
    { syntax: 'iptables', text: iptables },
    { syntax: 'ip6tables', text: ip6tables },
    { syntax: 'nft', text: await readNative(path, native) },
    { syntax: 'ipvs', text: tables.ipvs ? await readIpvs(namespace) : '' },
    { syntax: 'ipset', text: await readIpSets(path, `${iptables ?? ''}${ip6tables ?? ''}`) },
  ] as const;
  return (await Promise.all(texts.map(digested))).flat();
}

/** Tables of nftables that iptables-save does not show. */
function isNative(table: string, iptables: string, ip6tables: string): boolean {
  const [family, name = ''] = table.split(' ');
  if (family === 'inet' || !IPTABLES_TABLES.includes(name)) return true;
  // iptables-nft-save leaves out a table that nft made, and says so in a comment.
  return !(family === 'ip' ? iptables : ip6tables).includes(`*${name}\n`);
}

async function readNative(path: string, tables: readonly string[]): Promise<string | undefined> {
  const objects: string[] = [];
  for (const table of tables) {
    const args = ['--json', '--stateless', 'list', 'table', ...table.split(' ')];
    const bytes = await runForBytesIn(path, 'nft', args, PATIENCE);
    if (!bytes) return undefined;
    const text = (await decoded(bytes, (slice) => slice)).trim();
    // {"nftables": [OBJECT, …]}: joined as text, since parsing tens of megabytes would hold up the traffic.
    const inner = text.slice(text.indexOf('[') + 1, text.lastIndexOf(']'));
    if (inner !== '') objects.push(inner);
  }
  return objects.length === 0 ? '' : `{"nftables": [${objects.join(', ')}]}`;
}

/** Only where rules ask sets: `ipset` would have the kernel load what it lacks. */
async function readIpSets(path: string, rules: string): Promise<string | undefined> {
  if (!rules.includes(' --match-set ')) return '';
  const bytes = await runForBytesIn(path, 'ipset', ['save'], PATIENCE);
  return bytes && decoded(bytes, tidyIpSets);
}

/** Whole lines of `ipset save` without what changes by itself. */
export const tidyIpSets = (lines: string): string =>
  lines.replace(/^(add .*?)( (?:timeout|packets|bytes|skbmark|skbprio|skbqueue) .*)$/gm, '$1');

async function joined(parts: readonly Promise<string | undefined>[]): Promise<string | undefined> {
  const texts = await Promise.all(parts);
  return texts.includes(undefined) ? undefined : texts.join('');
}

/** By the first of several commands that works: which variants are installed differs. */
async function saved(path: string, commands: readonly string[]): Promise<string | undefined> {
  for (const command of commands) {
    const bytes = await runForBytesIn(path, command, [], PATIENCE);
    if (bytes) return decoded(bytes, tidyIptables);
  }
  return undefined;
}

/** Whole lines of iptables-save without what changes by itself: comments with the date, chains' counters. */
export const tidyIptables = (lines: string): string =>
  lines.replace(/^#.*\n/gm, '').replace(/^(:\S+ \S+) \[\d+:\d+\]$/gm, '$1 [0:0]');

/** Bytes at a time, so that a large rule set does not stall the event loop: about a millisecond. */
const SLICE = 256 << 10;

async function decoded(bytes: Uint8Array, tidy: (lines: string) => string): Promise<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let from = 0; from < buffer.length;) {
    const newline = buffer.indexOf('\n', Math.min(from + SLICE, buffer.length));
    const to = newline < 0 ? buffer.length : newline + 1;
    parts.push(tidy(buffer.toString('utf8', from, to)));
    from = to;
    await setImmediate();
  }
  return parts.join('');
}

interface Saved {
  readonly syntax: RuleText['syntax'];
  readonly text: string | undefined;
}

async function digested({ syntax, text }: Saved): Promise<RuleText[]> {
  if (text === undefined) return [];
  const hash = createHash('sha1');
  for (let from = 0; from < text.length; from += SLICE) {
    const slice = text.slice(from, from + SLICE);
    hash.update(syntax === 'nft' ? slice.replace(/"expires": \d+/g, '"expires": 0') : slice);
    await setImmediate();
  }
  return [{ syntax, text, digest: hash.digest('base64') }];
}
