import type { KubeProxyMode } from '../../cluster/netns/tables.ts';
import { Survey } from '../../cluster/netns/survey.ts';
import { type Check, doubtful, fine } from './check.ts';
import { checkConntrack } from './conntrack.ts';
import { dataPathCheck } from './data-path.ts';
import { checkForwarding } from './forwarding.ts';
import { readSettings } from './settings.ts';
import { which } from './tools.ts';

/** Names, and of each node on this machine kube-proxy's mode, conntrack and what it does to packets that pass. */
export async function checkNodes(): Promise<Check[]> {
  if (process.getuid?.() !== 0) {
    return [doubtful('network namespaces', 'not looked into: that takes root', 'Run it with sudo.')];
  }
  const { changed, present } = await new Survey().look();
  const checks: Check[] = [];
  for (const { netns, name, role, links } of changed) {
    const namespace = present.find(({ inum }) => inum === netns);
    if (!namespace || (role !== 'node' && role !== 'host')) continue;
    const { found: place, kubeProxy } = namespace;
    const settings = await readSettings(place.path);
    const isNode = role === 'node';
    checks.push(
      kubeProxyCheck(name, kubeProxy, await hasIpset()),
      ...dataPathCheck({ node: name, links, kubeProxy }),
      ...(await checkConntrack(name, place, settings)),
      ...(await checkForwarding({ node: name, isNode, links, path: place.path, settings })),
    );
  }
  const count = (role: string): number => changed.filter((one) => one.role === role).length;
  const found = `${changed.length}: ${count('node')} nodes, ${count('pod')} pods`;
  return [fine('network namespaces', found), ...checks];
}

export function kubeProxyCheck(node: string, mode: KubeProxyMode, ipset: boolean): Check {
  const name = `kube-proxy on ${node}`;
  if (mode === 'none') return fine(name, 'none: no rules of its making');
  if (mode !== 'ipvs') return fine(name, mode);
  const means =
    'Services are translated by IPVS, whose virtual servers are read; which Service each is, only the Kubernetes API says.';
  if (ipset) return fine(name, mode, { means });
  const unread = ' Which rule has a packet masqueraded, sets say that cannot be read without ipset.';
  return doubtful(name, mode, 'Install ipset.', { means: means + unread });
}

/** In IPVS mode rules ask sets. */
const hasIpset = async (): Promise<boolean> => (await which('ipset')) !== undefined;
