/** What kind is told of the cluster: its configuration, whose YAML may be JSON. */

export const CLUSTER = 'nathop';
/** kube-proxy's. */
export const MODES = ['iptables', 'nftables', 'ipvs'] as const;
export type Mode = (typeof MODES)[number];

/** Of kind.x-k8s.io/v1alpha4, what is used here. */
export interface KindConfig {
  readonly kind: 'Cluster';
  readonly apiVersion: 'kind.x-k8s.io/v1alpha4';
  readonly name: string;
  readonly networking: {
    readonly podSubnet: string;
    readonly serviceSubnet: string;
    readonly kubeProxyMode: Mode;
  };
  readonly nodes: readonly {
    readonly role: 'control-plane' | 'worker';
    readonly labels?: Readonly<Record<string, string>>;
  }[];
}

/** Two workers with the labels that the workloads choose nodes by, and the lab's networks. */
export const configOf = (mode: Mode): KindConfig => ({
  kind: 'Cluster',
  apiVersion: 'kind.x-k8s.io/v1alpha4',
  name: CLUSTER,
  networking: { podSubnet: '10.0.0.0/16', serviceSubnet: '10.3.240.0/20', kubeProxyMode: mode },
  nodes: [
    { role: 'control-plane' },
    ...(['a', 'b'] as const).map((label) => ({ role: 'worker' as const, labels: { 'nathop-node': label } })),
  ],
});
