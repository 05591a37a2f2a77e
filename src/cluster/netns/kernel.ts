import { readProc } from './proc.ts';

/**
 * Whether a part of the kernel is there already. Tools make the kernel load what it lacks (nft: nf_tables;
 * conntrack: nf_conntrack_netlink), and a node has to stay as it was. `symbol`: a function of that part, by
 * which it is found where it is built in.
 */
export function kernelHas(module: string, symbol: string): boolean {
  const modules = readProc('/proc/modules', 1 << 20);
  // A kernel without loadable modules has no such file: what is not in it cannot be loaded.
  if (modules === undefined || modules.split('\n').some((line) => line.startsWith(`${module} `))) return true;
  const known = builtIn.get(module);
  if (known !== undefined) return known;
  const found = (readProc('/proc/kallsyms', 64 << 20) ?? '').includes(` ${symbol}\n`);
  builtIn.set(module, found);
  return found;
}

const builtIn = new Map<string, boolean>();
