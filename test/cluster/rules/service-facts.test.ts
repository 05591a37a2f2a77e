/** kube-proxy's rules and the API's objects are of one cluster: what the rules tell of its Services is what is so. */
import { describe, expect, it } from 'vitest';
import type { KubeService, KubeSlice } from '../../../src/events/kube.ts';
import { REDUCE } from '../../../src/sources/kube/reduce.ts';
import { clusterObjects } from '../../support/kube-api.ts';
import { nodeRules, type Mode } from './fixtures.ts';

const { services, endpointslices } = clusterObjects();
const told = services
  .map((one) => REDUCE.service(one) as KubeService)
  .filter(({ clusterIPs }) => clusterIPs.length > 0);
const slices = endpointslices.map((one) => REDUCE.slice(one) as KubeSlice);

/** What kube-proxy sends to: the ready ones, but on the node alone where the policy for inside is Local. */
function endpointsOf({ name, namespace, internalTrafficPolicy }: KubeService, node: string): string[] {
  return slices
    .filter((slice) => slice.service === name && slice.namespace === namespace)
    .flatMap(({ endpoints, ports }) =>
      endpoints
        .filter(({ ready, node: on }) => ready && (internalTrafficPolicy !== 'Local' || on === node))
        .flatMap(({ addresses }) => ports.map(({ port }) => `${addresses[0] ?? ''} ${String(port)}`)),
    )
    .sort();
}

const MODES: readonly Mode[] = ['iptables', 'nftables'];

describe.each(MODES)('Services by the rules of %s mode', (mode) => {
  const known = nodeRules(mode, 'node-a').services();

  it('are all there, and no others', () => {
    expect([...known.keys()].sort()).toEqual(
      told.map(({ namespace, name }) => `${namespace}/${name}`).sort(),
    );
  });

  it.each(told.map((service) => [`${service.namespace}/${service.name}`, service] as const))(
    '%s',
    (name, service) => {
      const found = known.get(name);
      expect(found?.clusterIPs.toSorted()).toEqual(service.clusterIPs.toSorted());
      expect([...(found?.externalIPs ?? []), ...(found?.loadBalancerIPs ?? [])].sort()).toEqual(
        [...service.externalIPs, ...service.loadBalancerIPs].sort(),
      );
      expect(found?.sourceRanges).toEqual(service.loadBalancerSourceRanges);
      const ports = (
        list: readonly { port: number; name?: string; nodePort?: number; protocol: string }[],
      ): string[] =>
        list
          .map(({ port, name: called, nodePort, protocol }) => `${port} ${called} ${nodePort} ${protocol}`)
          .sort();
      expect(ports(found?.ports ?? [])).toEqual(ports(service.ports));
      const endpoints = endpointsOf(service, 'node-a');
      expect((found?.endpoints ?? []).map(({ ip, port }) => `${ip} ${port}`).sort()).toEqual(endpoints);
      // Without endpoints there is no chain to tell the rest by.
      if (endpoints.length === 0) return;
      expect(found?.internalTrafficPolicy).toBe(service.internalTrafficPolicy);
      expect(found?.sessionAffinity).toBe(service.sessionAffinity);
      const isOuter = service.type !== 'ClusterIP' || service.externalIPs.length > 0;
      expect(found?.externalTrafficPolicy).toBe(isOuter ? service.externalTrafficPolicy : undefined);
    },
  );
});
