/**
 * What the Kubernetes API said, reduced to what names a request's way, explains it or would change it. Field names are
 * the API's own where they mean the same. No label, annotation, environment or secret is among them.
 */

/** Whatever the API tells of any object that we use. */
export interface KubeMeta {
  readonly name: string;
  /** Tells an object from one of the same name that came after it. */
  readonly uid: string;
  /**
   * resourceVersion, digits alone where the API keeps to them: of two states of one object the one of the greater is
   * the newer. '' where the API gave none.
   */
  readonly version: string;
}

export interface KubeNamespacedMeta extends KubeMeta {
  readonly namespace: string;
}

export type KubeProtocol = 'tcp' | 'udp' | 'sctp';

export interface KubeServicePort {
  /** Absent where the Service has one port, without a name. */
  readonly name?: string;
  readonly protocol: KubeProtocol;
  readonly port: number;
  /** A number, or the name of a container's port. */
  readonly targetPort?: number | string;
  readonly nodePort?: number;
  readonly appProtocol?: string;
}

export interface KubeService extends KubeNamespacedMeta {
  readonly resource: 'service';
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Empty for a headless Service and for ExternalName. */
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  /** status.loadBalancer.ingress[].ip, those that nodes themselves answer for (ipMode VIP or not said). */
  readonly loadBalancerIPs: readonly string[];
  /** Those of ipMode Proxy: kube-proxy leaves them to the load balancer. */
  readonly loadBalancerProxyIPs: readonly string[];
  readonly ports: readonly KubeServicePort[];
  /** Absent for Services that nothing outside reaches. */
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly internalTrafficPolicy?: 'Cluster' | 'Local';
  readonly sessionAffinity: 'None' | 'ClientIP';
  /** Empty: all. */
  readonly loadBalancerSourceRanges: readonly string[];
  readonly healthCheckNodePort?: number;
  /** Without a selector somebody else writes its endpoints. */
  readonly hasSelector: boolean;
}

export interface KubeEndpoint {
  /** All of one Pod's; kube-proxy uses the first alone. */
  readonly addresses: readonly string[];
  /** As EndpointConditions has them; not said is true for ready and serving, false for terminating. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly node?: string;
  /** `namespace/name` of the Pod it stands for. */
  readonly pod?: string;
}

/** An EndpointSlice: some of a Service's endpoints, of one address family. */
export interface KubeSlice extends KubeNamespacedMeta {
  readonly resource: 'slice';
  /** Name of its Service, in the same namespace. */
  readonly service: string;
  readonly endpoints: readonly KubeEndpoint[];
  readonly ports: readonly {
    /** Of the Service's port that it serves. */
    readonly name?: string;
    readonly protocol: KubeProtocol;
    /** Absent: all ports. */
    readonly port?: number;
    readonly appProtocol?: string;
  }[];
}

export interface KubeContainer {
  readonly name: string;
  /** 64 hexadecimal digits, without the runtime's prefix; absent before it runs. */
  readonly id?: string;
  readonly ports: readonly {
    readonly name?: string;
    readonly protocol: KubeProtocol;
    readonly port: number;
    readonly hostPort?: number;
  }[];
}

export interface KubePod extends KubeNamespacedMeta {
  readonly resource: 'pod';
  /**
   * Of a static Pod: the uid that its control groups have, the annotation kubernetes.io/config.hash. The API's uid is
   * that of the mirror Pod.
   */
  readonly staticUid?: string;
  /** Absent until it is scheduled. */
  readonly node?: string;
  readonly podIPs: readonly string[];
  /** It has no namespace of its own: its addresses are its node's. */
  readonly hostNetwork: boolean;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly ready: boolean;
  /** Those that may run at the same time: sidecars and ephemeral ones too, init containers that have ended not. */
  readonly containers: readonly KubeContainer[];
}

export interface KubeNode extends KubeMeta {
  readonly resource: 'node';
  /** InternalIP and ExternalIP of status.addresses. */
  readonly addresses: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly ready: boolean;
}

export interface KubeIngressPath {
  /** Absent: any host. */
  readonly host?: string;
  /** Absent for the default backend. */
  readonly path?: string;
  readonly pathType?: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  /** Name of the Service, in the same namespace. */
  readonly service: string;
  readonly port?: number | string;
}

export interface KubeIngress extends KubeNamespacedMeta {
  readonly resource: 'ingress';
  readonly className?: string;
  readonly paths: readonly KubeIngressPath[];
  /** Hosts for which it ends TLS. */
  readonly tlsHosts: readonly string[];
}

export type KubeObject = KubeService | KubeSlice | KubePod | KubeNode | KubeIngress;
export type KubeResource = KubeObject['resource'];

/** An object as it stands from now on; replaces the one of the same uid. */
export interface KubeEvent {
  readonly kind: 'kube';
  readonly at: number;
  /**
   * Which cluster: the uid of its Service default/kubernetes, the same whoever asks; the server's URL where that
   * may not be read.
   */
  readonly cluster: string;
  readonly object: KubeObject;
}

/** An object that is no more. */
export interface KubeGoneEvent {
  readonly kind: 'kube-gone';
  readonly at: number;
  readonly cluster: string;
  readonly resource: KubeResource;
  readonly uid: string;
}

/** How far what is known of the API can be relied upon from now on. */
export interface KubeStateEvent {
  readonly kind: 'kube-state';
  readonly at: number;
  /** Absent where it was never reached. */
  readonly cluster?: string;
  /** `in-step`: all that may be read is known and kept up; `away`: what is known may be old; `none`: nothing is known. */
  readonly state: 'in-step' | 'away' | 'none';
  /** What is not known of it: it may not be read, or this API has none. */
  readonly unread: readonly KubeResource[];
  /** In words, for the reader: why it is away, or what may not be read; '' where there is nothing to say. */
  readonly text: string;
}

export type KubeNameEvent = KubeEvent | KubeGoneEvent | KubeStateEvent;
