import type { KubeResource } from '../../events/kube.ts';

/** What is read of the API: where it is, and what RBAC calls it (scripts/deploy/role.yaml grants it). */
export const RESOURCES: Readonly<Record<KubeResource, { readonly path: string; readonly rbac: string }>> = {
  service: { path: '/api/v1/services', rbac: 'services' },
  slice: { path: '/apis/discovery.k8s.io/v1/endpointslices', rbac: 'endpointslices.discovery.k8s.io' },
  pod: { path: '/api/v1/pods', rbac: 'pods' },
  node: { path: '/api/v1/nodes', rbac: 'nodes' },
  ingress: { path: '/apis/networking.k8s.io/v1/ingresses', rbac: 'ingresses.networking.k8s.io' },
};

export const ALL = Object.keys(RESOURCES) as KubeResource[];

/** What would have to be granted; undefined where all is. */
export function missingRights(forbidden: readonly KubeResource[]): string | undefined {
  const lacks = forbidden.map((resource) => RESOURCES[resource].rbac);
  return lacks.length === 0 ? undefined : `RBAC does not grant get, list, watch of ${lacks.join(', ')}`;
}
