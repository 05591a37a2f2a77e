import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { toolEnvironment } from '../../cluster/netns/run.ts';
import { type Check, doubtful, fine, lacking } from './check.ts';

/** The tools nathop starts, the package that has each, and what is not known without it. */
const TOOLS = [
  { name: 'nsenter', package: 'util-linux', required: true, gives: 'namespaces' },
  { name: 'setpriv', package: 'util-linux', required: true, gives: 'a bpftrace that ends with nathop' },
  { name: 'ip', package: 'iproute2', required: true, gives: 'devices and addresses' },
  { name: 'lsns', package: 'util-linux', required: false, gives: 'which veth pairs belong together' },
  { name: 'nft', package: 'nftables', required: false, gives: "nftables rules, kube-proxy's mode" },
  { name: 'iptables-save', package: 'iptables', required: false, gives: 'iptables rules' },
  { name: 'xtables-monitor', package: 'iptables', required: false, gives: 'rule changes at once' },
  { name: 'conntrack', package: 'conntrack', required: false, gives: 'connections older than the trace' },
] as const;

export const checkTools = (): Promise<Check[]> =>
  Promise.all(
    TOOLS.map(async ({ name, package: from, required, gives }) => {
      const path = await which(name);
      if (path !== undefined) return fine(name, path);
      const found = `not installed: no ${gives}`;
      return (required ? lacking : doubtful)(name, found, `Install ${from}.`);
    }),
  );

/** Where on the path a program is. */
export async function which(name: string): Promise<string | undefined> {
  for (const folder of new Set((toolEnvironment()['PATH'] ?? '').split(':'))) {
    if (folder === '') continue;
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}
