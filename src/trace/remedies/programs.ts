/** The programs that hide pods and containers behind a machine's address: where that is set, and how it is undone. */
import type { RuleAuthor, Spared } from '../knowledge.ts';

export interface Program {
  /** As people call it. */
  readonly name: string;
  /** What holds the setting: an object of the API, a program's configuration. */
  readonly object: string;
  readonly field?: string;
  readonly value?: (spared: Spared, family: 4 | 6) => string | undefined;
  /** What to do that a connection to there keeps its source. */
  readonly remedy: (destination: string, family: 4 | 6) => string;
}

const on = (): string => 'true';
const ranges = ({ destinations }: Spared): string | undefined =>
  destinations.length === 0 ? undefined : destinations.join(', ');

const PROGRAMS: Readonly<Partial<Record<RuleAuthor, Program>>> = {
  flannel: {
    name: 'flannel',
    object: 'flannel',
    field: '--ip-masq',
    value: on,
    remedy: () => 'Run flanneld without --ip-masq (in the args of its DaemonSet)',
  },
  calico: {
    name: 'Calico',
    object: 'Calico IPPool of the pod',
    field: 'spec.natOutgoing',
    value: on,
    remedy: (to) =>
      `Give Calico an IPPool with ${to} in it and disabled: true, since what goes to a pool is not hidden; or set natOutgoing: false on the IPPool of the pod`,
  },
  cilium: {
    name: 'Cilium',
    object: 'ConfigMap kube-system/cilium-config',
    field: 'enable-ipv4-masquerade, enable-ipv6-masquerade',
    value: on,
    remedy: (to, family) =>
      `Let ipv${String(family)}-native-routing-cidr in ConfigMap kube-system/cilium-config hold ${to}, or set enable-ipv${String(family)}-masquerade: false`,
  },
  'ip-masq-agent': {
    name: 'ip-masq-agent',
    object: 'ConfigMap kube-system/ip-masq-agent',
    field: 'nonMasqueradeCIDRs',
    value: ranges,
    remedy: (to) => `Add a range with ${to} to nonMasqueradeCIDRs in ConfigMap kube-system/ip-masq-agent`,
  },
  'aws-vpc-cni': {
    name: 'the AWS VPC plugin',
    object: 'DaemonSet kube-system/aws-node',
    field: 'AWS_VPC_K8S_CNI_EXTERNALSNAT',
    value: () => 'false',
    remedy: (to) =>
      `Add a range with ${to} to AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS of DaemonSet kube-system/aws-node, or set AWS_VPC_K8S_CNI_EXTERNALSNAT=true there`,
  },
  antrea: {
    name: 'Antrea',
    object: 'ConfigMap kube-system/antrea-config',
    field: 'noSNAT',
    value: () => 'false',
    remedy: () => 'Set noSNAT: true in ConfigMap kube-system/antrea-config (in mode noEncap)',
  },
  'kube-router': {
    name: 'kube-router',
    object: 'kube-router',
    field: '--enable-pod-egress',
    value: on,
    remedy: () => 'Run kube-router with --enable-pod-egress=false',
  },
  kubenet: {
    name: 'kubenet',
    object: 'kubelet',
    field: '--non-masquerade-cidr',
    value: ranges,
    remedy: (to) => `Run kubelet with a --non-masquerade-cidr that holds ${to}`,
  },
  'cni-bridge': {
    name: 'the bridge or ptp plugin',
    object: 'CNI network configuration',
    field: 'ipMasq',
    value: on,
    remedy: () =>
      'Set ipMasq: false in the CNI network configuration (/etc/cni/net.d), and make the pods anew',
  },
  kindnet: {
    name: 'kindnet',
    object: 'DaemonSet kube-system/kindnet',
    remedy: (to) => `Let the pod network of kindnet (POD_SUBNET of its DaemonSet) hold ${to}`,
  },
  weave: {
    name: 'Weave Net',
    object: 'Weave Net',
    remedy: () => 'Expose the host to Weave without its masquerade',
  },
  docker: {
    name: 'Docker',
    object: 'Docker network',
    field: 'com.docker.network.bridge.enable_ip_masquerade',
    value: on,
    remedy: () =>
      'Make the Docker network with the option com.docker.network.bridge.enable_ip_masquerade=false',
  },
  podman: {
    name: 'Podman',
    object: 'Podman network',
    remedy: () => 'Put the container into a network that is routed',
  },
  libvirt: {
    name: 'libvirt',
    object: 'libvirt network',
    field: 'forward mode',
    value: () => 'nat',
    remedy: () => "Give the libvirt network <forward mode='route'/>",
  },
  firewalld: {
    name: 'firewalld',
    object: 'firewalld zone of the device that it leaves by',
    field: 'masquerade',
    value: () => 'yes',
    remedy: () => 'Take masquerade off the zone (firewall-cmd --zone=ZONE --remove-masquerade)',
  },
  portmap: {
    name: 'the portmap plugin',
    object: 'CNI plugin portmap',
    field: 'snat',
    value: on,
    remedy: () =>
      'Set snat: false for the portmap plugin in the CNI network configuration, and make the pod anew',
  },
};

export const programOf = (author: RuleAuthor | undefined): Program | undefined =>
  author === undefined ? undefined : PROGRAMS[author];
