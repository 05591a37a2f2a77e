import { basename } from 'node:path';
import { z } from 'zod';
import type { FoundNetns } from './find.ts';
import { parseArray } from './links.ts';
import { runIn } from './run.ts';

/**
 * How one namespace numbers the others: nsid to inode number. A veth names its peer's namespace by such a
 * number, so this is what makes a pair certain. `ip netns` knows namespaces that have a name; lsns those
 * that have a process, and looks at every process of the machine for it: only where some of `wanted` are
 * open. A number that neither knows stays out.
 */
export async function readNsids(
  path: string,
  wanted: readonly number[],
  all: ReadonlyMap<number, FoundNetns>,
): Promise<ReadonlyMap<number, number>> {
  const named = new Map<string, number>();
  for (const { inum, mounts } of all.values()) {
    for (const mount of mounts) if (mount.startsWith('/run/netns/')) named.set(basename(mount), inum);
  }
  const nsids = new Map(parseNamed((await runIn(path, 'ip', ['-j', 'netns', 'list-id'])) ?? '', named));
  if (wanted.every((nsid) => nsids.has(nsid))) return nsids;
  const lsns = await runIn(path, 'lsns', ['--type', 'net', '--json', '--output', 'NS,NETNSID']);
  return new Map([...nsids, ...parseLsns(lsns ?? '')]);
}

/** `lsns --json`: numbers stand there as numbers or as text, by version; "unassigned" where there is none. */
export function parseLsns(json: string): [nsid: number, inum: number][] {
  const Whole = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]);
  const Row = z.object({ ns: Whole, netnsid: Whole });
  const rows = /"namespaces"\s*:\s*(\[[\s\S]*\])/.exec(json)?.[1] ?? '';
  return parseArray(rows).flatMap((item) => {
    const row = Row.safeParse(item).data;
    return row ? [[row.netnsid, row.ns] as [number, number]] : [];
  });
}

function parseNamed(json: string, named: ReadonlyMap<string, number>): [nsid: number, inum: number][] {
  const Row = z.object({ nsid: z.int().nonnegative(), name: z.string() });
  return parseArray(json).flatMap((item) => {
    const row = Row.safeParse(item).data;
    const inum = row && named.get(row.name);
    return row && inum !== undefined ? [[row.nsid, inum] as [number, number]] : [];
  });
}
