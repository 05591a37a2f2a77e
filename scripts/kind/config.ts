/** What kind is told of the cluster: its configuration, whose YAML may be JSON. */
import { POD_NETWORKS, SERVICE_NETWORKS } from '../lab/topology.ts';

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
    readonly ipFamily: 'dual';
    /** Of each family one, as `serviceSubnet`. */
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
  networking: {
    ipFamily: 'dual',
    podSubnet: `${POD_NETWORKS[4]},${POD_NETWORKS[6]}`,
    serviceSubnet: `${SERVICE_NETWORKS[4]},${SERVICE_NETWORKS[6]}`,
    kubeProxyMode: mode,
  },
  nodes: [
    { role: 'control-plane' },
    ...(['a', 'b'] as const).map((label) => ({ role: 'worker' as const, labels: { 'nathop-node': label } })),
  ],
});
