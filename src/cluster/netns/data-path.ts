/** Who carries a node's packets by eBPF programs instead of netfilter, told by the devices that it makes there. */
export type DataPath = 'cilium' | 'calico-ebpf';

/** Cilium's own veth pair (pkg/defaults/node.go). */
const CILIUM: ReadonlySet<string> = new Set(['cilium_host', 'cilium_net']);
/** Calico's, with which Felix's eBPF mode serves Services from the node itself; the second two before 3.23. */
const CALICO: ReadonlySet<string> = new Set(['bpfin.cali', 'bpfout.cali', 'bpfnatin', 'bpfnatout']);

export function dataPathOf(links: readonly { readonly name: string }[]): DataPath | undefined {
  if (links.some(({ name }) => CILIUM.has(name))) return 'cilium';
  return links.some(({ name }) => CALICO.has(name)) ? 'calico-ebpf' : undefined;
}
