/** Objects as the API gives them, cut down to what we use; what an object does not say or says wrongly is left out. */
import * as z from 'zod';
import { canonicalAddress } from '../../events/address.ts';
import { clean } from '../../events/clean.ts';
import type {
  KubeIngress,
  KubeNode,
  KubeObject,
  KubePod,
  KubeProtocol,
  KubeResource,
  KubeService,
  KubeSlice,
} from '../../events/kube.ts';

/** No name in Kubernetes is longer (RFC 1123 subdomains). */
const NAME_LIMIT = 253;
const PATH_LIMIT = 1024;

const name = z.string().transform((text) => clean(text, NAME_LIMIT));
const port = z.int().min(0).max(0xffff);
const listOf = <T extends z.ZodType>(item: T): z.ZodType<z.infer<T>[]> =>
  z
    .array(z.unknown())
    .catch([])
    .transform((items) =>
      items.flatMap((one) => {
        const parsed = item.safeParse(one);
        return parsed.success ? [parsed.data] : [];
      }),
    );
const addresses = z
  .array(z.string())
  .catch([])
  .transform((texts) => texts.flatMap((text) => canonicalAddress(text) ?? []));
const protocol = z
  .enum(['TCP', 'UDP', 'SCTP'])
  .catch('TCP')
  .transform((word) => word.toLowerCase() as KubeProtocol);
const policy = z.enum(['Cluster', 'Local']).optional().catch(undefined);
const intOrName = z.union([port, name]).optional().catch(undefined);
const optional = { name: name.optional().catch(undefined), port: port.optional().catch(undefined) };

const metadata = z.object({
  name,
  namespace: name.catch(''),
  uid: name,
  resourceVersion: name.catch(''),
  labels: z.record(z.string(), z.string()).catch({}),
  annotations: z.record(z.string(), z.string()).catch({}),
});
type Metadata = z.infer<typeof metadata>;

const meta = ({ name, uid, resourceVersion }: Metadata): { name: string; uid: string; version: string } => ({
  name,
  uid,
  version: resourceVersion,
});
const namespaced = (given: Metadata): { namespace: string; name: string; uid: string; version: string } => ({
  namespace: given.namespace,
  ...meta(given),
});

const Service = z.object({
  metadata,
  spec: z.object({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).catch('ClusterIP'),
    clusterIP: z.string().catch(''),
    clusterIPs: addresses,
    externalIPs: addresses,
    ports: listOf(
      z.object({
        name: optional.name,
        protocol,
        port,
        targetPort: intOrName,
        nodePort: optional.port,
        appProtocol: optional.name,
      }),
    ),
    externalTrafficPolicy: policy,
    internalTrafficPolicy: policy,
    sessionAffinity: z.enum(['None', 'ClientIP']).catch('None'),
    loadBalancerSourceRanges: listOf(name),
    healthCheckNodePort: optional.port,
    selector: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  }),
  status: z
    .object({
      loadBalancer: z.object({
        ingress: listOf(z.object({ ip: z.string(), ipMode: z.string().optional() })),
      }),
    })
    .optional()
    .catch(undefined),
});

function service({ metadata: about, spec, status }: z.infer<typeof Service>): KubeService {
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort } = spec;
  const balanced = status?.loadBalancer.ingress ?? [];
  const ipsWhere = (isProxy: boolean): string[] =>
    balanced.flatMap(({ ip, ipMode }) =>
      (ipMode === 'Proxy') === isProxy ? (canonicalAddress(ip) ?? []) : [],
    );
  const only = canonicalAddress(spec.clusterIP);
  return {
    resource: 'service',
    ...namespaced(about),
    type: spec.type,
    // Older than dual stack: one address alone.
    clusterIPs: spec.clusterIPs.length > 0 || only === undefined ? spec.clusterIPs : [only],
    externalIPs: spec.externalIPs,
    loadBalancerIPs: ipsWhere(false),
    loadBalancerProxyIPs: ipsWhere(true),
    ports: spec.ports.map(({ targetPort, nodePort, appProtocol, ...asked }) => ({
      ...named(asked.name),
      protocol: asked.protocol,
      port: asked.port,
      ...(targetPort !== undefined && { targetPort }),
      ...(nodePort !== undefined && nodePort > 0 && { nodePort }),
      ...(appProtocol !== undefined && { appProtocol }),
    })),
    ...(externalTrafficPolicy !== undefined && { externalTrafficPolicy }),
    ...(internalTrafficPolicy !== undefined && { internalTrafficPolicy }),
    sessionAffinity: spec.sessionAffinity,
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges,
    ...(healthCheckNodePort !== undefined && healthCheckNodePort > 0 && { healthCheckNodePort }),
    hasSelector: Object.keys(spec.selector ?? {}).length > 0,
  };
}

/** The one port of a Service may have '' for its name. */
const named = (given: string | undefined): { name?: string } =>
  given === undefined || given === '' ? {} : { name: given };

const flag = z.boolean().nullish().catch(undefined);

const EndpointSlice = z.object({
  metadata,
  endpoints: listOf(
    z.object({
      addresses: addresses,
      conditions: z
        .object({ ready: flag, serving: flag, terminating: flag })
        .catch({ ready: undefined, serving: undefined, terminating: undefined }),
      nodeName: optional.name,
      targetRef: z.object({ kind: z.string(), namespace: name, name }).optional().catch(undefined),
    }),
  ),
  ports: listOf(z.object({ name: optional.name, protocol, port: optional.port, appProtocol: optional.name })),
});

/** One that says no Service is nobody's. */
function slice({ metadata: about, endpoints, ports }: z.infer<typeof EndpointSlice>): KubeSlice | undefined {
  const of = about.labels['kubernetes.io/service-name'];
  if (of === undefined) return undefined;
  return {
    resource: 'slice',
    ...namespaced(about),
    service: clean(of, NAME_LIMIT),
    endpoints: endpoints.map(({ addresses: ips, conditions, nodeName, targetRef }) => ({
      addresses: ips,
      ready: conditions.ready ?? true,
      serving: conditions.serving ?? conditions.ready ?? true,
      terminating: conditions.terminating ?? false,
      ...(nodeName !== undefined && { node: nodeName }),
      ...(targetRef?.kind === 'Pod' && { pod: `${targetRef.namespace}/${targetRef.name}` }),
    })),
    ports: ports.map(({ name: called, protocol: by, port: at, appProtocol }) => ({
      ...named(called),
      protocol: by,
      ...(at !== undefined && { port: at }),
      ...(appProtocol !== undefined && { appProtocol }),
    })),
  };
}

const Container = z.object({
  name,
  ports: listOf(z.object({ name: optional.name, protocol, containerPort: port, hostPort: optional.port })),
  /** Of an init container: a sidecar, which goes on running. */
  restartPolicy: z.string().optional().catch(undefined),
});
const ContainerStatus = z.object({ name, containerID: z.string().optional().catch(undefined) });
const Conditions = listOf(z.object({ type: z.string(), status: z.string() }));

const Pod = z.object({
  metadata,
  spec: z.object({
    nodeName: optional.name,
    hostNetwork: flag,
    containers: listOf(Container),
    initContainers: listOf(Container),
    ephemeralContainers: listOf(Container),
  }),
  status: z.object({
    phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).catch('Unknown'),
    podIP: z.string().catch(''),
    podIPs: listOf(z.object({ ip: z.string() })),
    conditions: Conditions,
    containerStatuses: listOf(ContainerStatus),
    initContainerStatuses: listOf(ContainerStatus),
    ephemeralContainerStatuses: listOf(ContainerStatus),
  }),
});

function pod({ metadata: about, spec, status }: z.infer<typeof Pod>): KubePod {
  const statuses = [
    ...status.containerStatuses,
    ...status.initContainerStatuses,
    ...status.ephemeralContainerStatuses,
  ];
  const containers = [
    ...spec.containers,
    ...spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'),
    ...spec.ephemeralContainers,
  ];
  const staticUid = about.annotations['kubernetes.io/config.hash'];
  const ips = status.podIPs.length > 0 ? status.podIPs.map(({ ip }) => ip) : [status.podIP];
  return {
    resource: 'pod',
    ...namespaced(about),
    ...(staticUid !== undefined && { staticUid: clean(staticUid, NAME_LIMIT) }),
    ...(spec.nodeName !== undefined && { node: spec.nodeName }),
    podIPs: ips.flatMap((ip) => canonicalAddress(ip) ?? []),
    hostNetwork: spec.hostNetwork ?? false,
    phase: status.phase,
    ready: isReady(status.conditions),
    containers: containers.map(({ name: called, ports }) => {
      const id = /^[^:]+:\/\/([0-9a-f]{64})$/.exec(
        statuses.find((one) => one.name === called)?.containerID ?? '',
      )?.[1];
      return {
        name: called,
        ...(id !== undefined && { id }),
        ports: ports.map(({ name: asked, protocol: by, containerPort, hostPort }) => ({
          ...named(asked),
          protocol: by,
          port: containerPort,
          ...(hostPort !== undefined && hostPort > 0 && { hostPort }),
        })),
      };
    }),
  };
}

const isReady = (conditions: z.infer<typeof Conditions>): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

const Node = z.object({
  metadata,
  spec: z.object({ podCIDR: z.string().catch(''), podCIDRs: listOf(name) }),
  status: z.object({
    addresses: listOf(z.object({ type: z.string(), address: z.string() })),
    conditions: Conditions,
  }),
});

function node({ metadata: about, spec, status }: z.infer<typeof Node>): KubeNode {
  return {
    resource: 'node',
    ...meta(about),
    addresses: status.addresses.flatMap(({ type, address }) =>
      type === 'InternalIP' || type === 'ExternalIP' ? (canonicalAddress(address) ?? []) : [],
    ),
    podCIDRs:
      spec.podCIDRs.length > 0 || spec.podCIDR === '' ? spec.podCIDRs : [clean(spec.podCIDR, NAME_LIMIT)],
    ready: isReady(status.conditions),
  };
}

const Backend = z
  .object({
    service: z.object({
      name,
      port: z
        .object({ number: optional.port, name: optional.name })
        .catch({ number: undefined, name: undefined }),
    }),
  })
  .optional()
  .catch(undefined);

const Ingress = z.object({
  metadata,
  spec: z.object({
    ingressClassName: optional.name,
    defaultBackend: Backend,
    tls: listOf(z.object({ hosts: listOf(name) })),
    rules: listOf(
      z.object({
        host: optional.name,
        http: z
          .object({
            paths: listOf(
              z.object({
                path: z
                  .string()
                  .transform((path) => clean(path, PATH_LIMIT))
                  .optional()
                  .catch(undefined),
                pathType: z.enum(['Exact', 'Prefix', 'ImplementationSpecific']).optional().catch(undefined),
                backend: Backend,
              }),
            ),
          })
          .catch({ paths: [] }),
      }),
    ),
  }),
});

function ingress({ metadata: about, spec }: z.infer<typeof Ingress>): KubeIngress {
  const ways = spec.rules.flatMap(({ host, http }) => http.paths.map((way) => ({ host, ...way })));
  const all = [
    ...ways,
    { host: undefined, path: undefined, pathType: undefined, backend: spec.defaultBackend },
  ];
  return {
    resource: 'ingress',
    ...namespaced(about),
    ...(spec.ingressClassName !== undefined && { className: spec.ingressClassName }),
    paths: all.flatMap(({ host, path, pathType, backend }) => {
      if (backend === undefined) return [];
      const { name: leadsTo, port: at } = backend.service;
      const asked = at.number ?? at.name;
      return [
        {
          ...(host !== undefined && host !== '' && { host }),
          ...(path !== undefined && { path }),
          ...(pathType !== undefined && { pathType }),
          service: leadsTo,
          ...(asked !== undefined && { port: asked }),
        },
      ];
    }),
    tlsHosts: spec.tls.flatMap(({ hosts }) => hosts),
  };
}

const reducing =
  <T extends z.ZodType>(schema: T, make: (read: z.infer<T>) => KubeObject | undefined) =>
  (object: unknown): KubeObject | undefined => {
    const parsed = schema.safeParse(object);
    return parsed.success ? make(parsed.data) : undefined;
  };

/** By resource; undefined for what is no such object, or of no use. */
export const REDUCE: Readonly<Record<KubeResource, (object: unknown) => KubeObject | undefined>> = {
  service: reducing(Service, service),
  slice: reducing(EndpointSlice, slice),
  pod: reducing(Pod, pod),
  node: reducing(Node, node),
  ingress: reducing(Ingress, ingress),
};
