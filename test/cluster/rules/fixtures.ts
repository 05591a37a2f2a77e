import { readFileSync } from 'node:fs';
import type { Protocol, Tuple } from '../../../src/events/tuple.ts';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';

export type Mode = 'iptables' | 'nftables';
export type Node = 'node-a' | 'node-b';

export function dump(mode: Mode, node: Node, file: string): string {
  return readFileSync(new URL(`../../fixtures/kube-proxy/${mode}/${node}/${file}`, import.meta.url), 'utf8');
}

export function nodeRules(mode: Mode, node: Node): NamespaceRules {
  return NamespaceRules.none
    .with('iptables', dump(mode, node, 'iptables-save-c.txt'))
    .with('ip6tables', dump(mode, node, 'ip6tables-save-c.txt'))
    .with('nft', dump(mode, node, 'nft-ruleset.json'));
}

/** The addresses of the node's devices. */
export function isLocalOf(mode: Mode, node: Node): (ip: string) => boolean {
  const links = JSON.parse(dump(mode, node, 'ip-addr.json')) as { addr_info: { local: string }[] }[];
  const own = new Set(links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local)));
  return (ip) => own.has(ip);
}

/** `10.0.0.1:80`, `fd00::1:80`. */
export function tuple(protocol: Protocol, from: string, to: string): Tuple {
  const [src, sport] = place(from);
  const [dst, dport] = place(to);
  return { protocol, src, dst, sport, dport };
}

export function place(text: string): [ip: string, port: number] {
  const colon = text.lastIndexOf(':');
  return [text.slice(0, colon), Number(text.slice(colon + 1))];
}
