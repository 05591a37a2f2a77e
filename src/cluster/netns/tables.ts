import { readIpvs } from './ipvs.ts';
import { kernelHas } from './kernel.ts';
import { readProc } from './proc.ts';
import type { FoundNetns } from './find.ts';
import { run, runIn } from './run.ts';

export type KubeProxyMode = 'iptables' | 'nftables' | 'ipvs' | 'none';

/** Which tables of rules a namespace has. */
export interface RuleTables {
  /** `ip nat`, `inet filter`, …; iptables-nft's own among them. */
  readonly nft: readonly string[];
  /** Names of legacy iptables tables (/proc/net/ip_tables_names). */
  readonly legacy4: readonly string[];
  readonly legacy6: readonly string[];
  /** It has virtual servers. */
  readonly ipvs: boolean;
}

/**
 * Undefined where they could not be read: the namespace went. Reading a list of nftables tables neither makes
 * one nor, where nf_tables is not in the kernel yet, is it tried: nft would load it. `thorough`: legacy tables
 * also where there is no process through which to see them.
 */
export async function readTables(namespace: FoundNetns, thorough: boolean): Promise<RuleTables | undefined> {
  const nft = kernelHas('nf_tables', 'nft_do_chain') ? await readNftTables(namespace.path) : [];
  const ipvs = thorough || namespace.pids.length > 0 ? (await readIpvs(namespace)) !== '' : false;
  return nft && { nft, ...(await readLegacyNames(namespace, thorough)), ipvs };
}

export const hasRules = ({ nft, legacy4, legacy6, ipvs }: RuleTables): boolean =>
  ipvs || nft.length + legacy4.length + legacy6.length > 0;

/** How kube-proxy works in a namespace, if it does, by the tables and chains it makes. */
export async function readKubeProxyMode(namespace: FoundNetns, tables: RuleTables): Promise<KubeProxyMode> {
  if (tables.nft.some((table) => table.endsWith(' kube-proxy'))) return 'nftables';
  if (!(await hasKubeServices(namespace, tables))) return 'none';
  return tables.ipvs ? 'ipvs' : 'iptables';
}

/**
 * From `nft list sets`. A name that nft itself would not take without quotes is left out: it stands in a
 * namespace that others rule, and would become part of a command of ours.
 */
export function parseTableNames(text: string): string[] {
  return [...text.matchAll(/^table (ip|ip6|inet) ([A-Za-z_][\w.-]*) \{/gm)].map(
    ([, family, name]) => `${family} ${name}`,
  );
}

/** `list sets`, because in nft 1.0 `list tables` fetches every rule first (2.7 s for 60,000, against 13 ms). */
async function readNftTables(path: string): Promise<string[] | undefined> {
  if (await hasNft()) {
    const sets = await runIn(path, 'nft', ['--terse', 'list', 'sets']);
    return sets === undefined ? undefined : parseTableNames(sets);
  }
  // Without nft there may still be iptables-nft, whose tables are what it prints.
  const saved = await Promise.all(
    (['ip', 'ip6'] as const).map(async (family) => {
      const text = await runIn(
        path,
        family === 'ip' ? 'iptables-nft-save' : 'ip6tables-nft-save',
        [],
        PATIENCE,
      );
      return [...(text ?? '').matchAll(/^\*([a-z]+)$/gm)].map(([, table]) => `${family} ${table}`);
    }),
  );
  return saved.flat();
}

const hasNft = (): Promise<boolean> =>
  (nftRuns ??= run('nft', ['--version']).then((text) => text !== undefined));
let nftRuns: Promise<boolean> | undefined;

const PATIENCE = { timeoutMs: 60_000, maxBytes: 256 << 20 };

async function hasKubeServices({ path }: FoundNetns, tables: RuleTables): Promise<boolean> {
  const isNamed = (text: string | undefined): boolean => /^(?:\tchain |:)KUBE-SERVICES /m.test(text ?? '');
  if (tables.nft.includes('ip nat') || tables.nft.includes('ip6 nat')) {
    const command = (await hasNft())
      ? ['nft', '--terse', 'list', 'chains']
      : ['iptables-nft-save', '-t', 'nat'];
    const [name = '', ...args] = command;
    if (isNamed(await runIn(path, name, args, PATIENCE))) return true;
  }
  return (
    tables.legacy4.includes('nat') &&
    isNamed(await runIn(path, 'iptables-legacy-save', ['-t', 'nat'], PATIENCE))
  );
}

async function readLegacyNames(
  { path, pids }: FoundNetns,
  thorough: boolean,
): Promise<Pick<RuleTables, 'legacy4' | 'legacy6'>> {
  // The kernel knows no legacy tables at all: then no namespace has them.
  if (readProc('/proc/net/ip_tables_names', 256) === undefined) return { legacy4: [], legacy6: [] };
  const [pid] = pids;
  const [four, six] = ['ip_tables_names', 'ip6_tables_names'].map((name) =>
    pid === undefined ? undefined : readProc(`/proc/${pid}/net/${name}`, 256),
  );
  if (four !== undefined) return { legacy4: tableWords(four), legacy6: tableWords(six ?? '') };
  if (!thorough) return { legacy4: [], legacy6: [] };
  const both = await runIn(path, 'head', [
    '--verbose',
    '/proc/net/ip_tables_names',
    '/proc/net/ip6_tables_names',
  ]);
  const [text4 = '', text6 = ''] = (both ?? '').split('==> /proc/net/ip6_tables_names <==');
  return { legacy4: tableWords(text4), legacy6: tableWords(text6) };
}

const tableWords = (text: string): string[] => text.split('\n').filter((line) => /^[a-z]+$/.test(line));
