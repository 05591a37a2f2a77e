/** The sysctls of a namespace that decide what becomes of packets that pass. */
import { runIn } from '../../cluster/netns/run.ts';

/** By what stands behind /proc/sys/net/. */
export type Settings = ReadonlyMap<string, number>;

const NAMES = [
  'ip_forward',
  'forwarding',
  'rp_filter',
  'bridge-nf-call-iptables',
  'bridge-nf-call-ip6tables',
  'nf_conntrack_tcp_be_liberal',
  'nf_conntrack_tcp_loose',
];

/**
 * /proc/sys/net shows the settings of whoever reads, so it is read inside; by grep, which passes over what is not
 * there. Nothing is known where the namespace went.
 */
export async function readSettings(path: string): Promise<Settings> {
  const args = ['-r', '', '/proc/sys/net', ...NAMES.map((name) => `--include=${name}`)];
  return parseSettings((await runIn(path, 'grep', args)) ?? '');
}

export function parseSettings(text: string): Settings {
  const lines = text.matchAll(/^\/proc\/sys\/net\/(.+):(-?\d+)$/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]));
}
