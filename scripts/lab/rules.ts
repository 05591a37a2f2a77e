/**
 * The rules of each namespace. kube-proxy's are the real dumps under test/fixtures/kube-proxy, restored
 * with what a restore needs mended; the others are written here as their programs write them.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { addedRules } from './added.ts';
import { SIDECAR } from './daemons.ts';
import type { Program } from './network.ts';
import { NODE_A, NODE_B, PLAIN, PODS, podIp, type ClusterNode, type Mode, type Pod } from './topology.ts';

export const HOST_PORT = 8088;
/** Name of the CNI network, as in its configuration. */
const CNI_NETWORK = 'cbr0';
const FIXTURES = new URL('../../test/fixtures/kube-proxy/', import.meta.url);

/** In the order in which each namespace needs them. */
export function rules(mode: Mode): Program[] {
  return [
    ...[NODE_A, NODE_B].flatMap((node) => [...kubeProxyRules(mode, node), addedRules(mode, node)]),
    ...PODS.filter((pod) => pod.name.startsWith('hostport-')).map(portmapRules),
    ...PODS.filter((pod) => pod.name.startsWith('meshed-')).map(({ name }) => restore(name, SIDECAR_RULES)),
    restore('plain-router', PLAIN_RULES),
    ...['twin-1-server', 'twin-2-server'].map((twin) =>
      restore(twin, natTable(['-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080'])),
    ),
  ];
}

function natTable(nat: readonly string[], chains: readonly string[] = []): string {
  const lines = ['*nat', ...chains.map((chain) => `:${chain} - [0:0]`), ...nat, 'COMMIT'];
  return `${lines.join('\n')}\n`;
}

/** The plain pair, on the router. */
export const PLAIN_RULES = natTable([
  `-A PREROUTING -d ${PLAIN.dialled}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${PLAIN.server}:${PLAIN.port}`,
  `-A POSTROUTING -s ${PLAIN.server}/32 -p tcp -m tcp --sport ${PLAIN.port} -j SNAT --to-source ${PLAIN.router}`,
]);

/** What Istio's init container writes in a pod's own namespace (tools/istio-iptables/pkg/capture/run.go). */
export const SIDECAR_RULES = natTable(
  [
    '-A PREROUTING -p tcp -j ISTIO_INBOUND',
    '-A OUTPUT -p tcp -j ISTIO_OUTPUT',
    '-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT',
    `-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${SIDECAR.inbound}`,
    '-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN',
    `-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --uid-owner ${SIDECAR.uid} -j ISTIO_IN_REDIRECT`,
    `-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner ${SIDECAR.uid} -j RETURN`,
    `-A ISTIO_OUTPUT -m owner --uid-owner ${SIDECAR.uid} -j RETURN`,
    '-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN',
    '-A ISTIO_OUTPUT -j ISTIO_REDIRECT',
    `-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports ${SIDECAR.outbound}`,
  ],
  ['ISTIO_INBOUND', 'ISTIO_IN_REDIRECT', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT'],
);

/**
 * `nft list ruleset` as `nft -f` takes it. The table `ip nat` is iptables-nft's: nft prints it without its
 * comments, and iptables-restore brings it back whole. Elements that expire are the memory of session
 * affinity: facts of the moment, not rules.
 */
export function mendNft(text: string): string {
  return text
    .replace(/^table ip nat \{.*?^\}\n/ms, '')
    .replace(/^\s*elements = \{[^}]*\bexpires\b[^}]*\}\n/gm, '');
}

/** The chain of one pod's host ports (pkg/utils: sha512 of network and container, cut to 28 characters). */
export const portmapChain = (pod: string): string =>
  `CNI-DN-${createHash('sha512')
    .update(CNI_NETWORK + containerOf(pod))
    .digest('hex')}`.slice(0, 28);

function kubeProxyRules(mode: Mode, node: ClusterNode): Program[] {
  const dump = (file: string): string =>
    readFileSync(new URL(`${mode}/${node.name}/${file}`, FIXTURES), 'utf8');
  const load = (command: Program['command'], input: string): Program => ({
    namespace: node.name,
    command,
    input,
  });
  if (mode === 'iptables') {
    const v4 = dump('iptables-save-c.txt');
    const v6 = dump('ip6tables-save-c.txt');
    return [
      // A rule with `-m nfacct` is refused while the counter it names does not exist.
      ...accountNames(v4 + v6).map((name) => load(['nfacct', 'add', name], '')),
      load(['iptables-restore'], v4),
      load(['ip6tables-restore'], v6),
    ];
  }
  return [
    load(['iptables-restore'], dump('iptables-save-c.txt')),
    load(['nft', '-f', '-'], mendNft(dump('nft-ruleset.txt'))),
  ];
}

function accountNames(dump: string): string[] {
  return [...new Set([...dump.matchAll(/--nfacct-name\s+(\S+)/g)].map((match) => match[1] ?? ''))];
}

/** What the CNI portmap plugin writes for a pod with a hostPort (plugins/meta/portmap/portmap_iptables.go). */
function portmapRules(pod: Pod): Program {
  const chain = portmapChain(pod.name);
  const subnet = `10.0.${pod.node.index}.0/24`;
  const table = natTable(
    [
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-I POSTROUTING 1 -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      `-A ${chain} -s ${subnet} -p tcp -m tcp --dport ${HOST_PORT} -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1/32 -p tcp -m tcp --dport ${HOST_PORT} -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -p tcp -m tcp --dport ${HOST_PORT} -j DNAT --to-destination ${podIp(pod)}:8080`,
      `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"${CNI_NETWORK}\\" id: \\"${containerOf(pod.name)}\\"" ` +
        `-m multiport --dports ${HOST_PORT} -j ${chain}`,
      '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
      '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
    ],
    ['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-MASQ', 'CNI-HOSTPORT-SETMARK', chain],
  );
  return restore(pod.node.name, table);
}

const restore = (namespace: string, input: string): Program => ({
  namespace,
  command: ['iptables-restore', '--noflush'],
  input,
});

const containerOf = (pod: string): string => createHash('sha256').update(pod).digest('hex');
