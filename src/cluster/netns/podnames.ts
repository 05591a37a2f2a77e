import { readdirSync } from 'node:fs';
import { clean } from '../../events/clean.ts';

/** `namespace/name` by UID, from kubelet's directories of logs under a node's root: `NAMESPACE_NAME_UID`. */
export function readPodNames(nodePid: number): [uid: string, pod: string][] {
  let names: string[];
  try {
    names = readdirSync(`/proc/${nodePid}/root/var/log/pods`);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    // Neither a namespace's nor a Pod's name can hold an underscore (RFC 1123).
    const [namespace, pod, uid, ...more] = name.split('_');
    return namespace && pod && uid && more.length === 0 ? [[uid, clean(`${namespace}/${pod}`, 320)]] : [];
  });
}
