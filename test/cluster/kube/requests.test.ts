/** Real packets of the cluster whose objects these are: what the API adds to what is told of them. */
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import type { KubeResource, KubeStateEvent } from '../../../src/events/kube.ts';
import { REDUCE } from '../../../src/sources/kube/reduce.ts';
import type { Request } from '../../../src/trace/request.ts';
import { clusterObjects, type Plural } from '../../support/kube-api.ts';
import { recorded, requestsOf } from '../../support/engine.ts';

const RESOURCES: Readonly<Record<Plural, KubeResource>> = {
  services: 'service',
  endpointslices: 'slice',
  pods: 'pod',
  nodes: 'node',
  ingresses: 'ingress',
};

const stream = recorded('iptables');
/** Before any packet. */
const at = stream[0]?.at ?? 0;

function withApi(...states: readonly KubeStateEvent['state'][]): Request[] {
  const objects = Object.entries(clusterObjects()).flatMap(([plural, all]) =>
    all.flatMap((one): Event[] => {
      const object = REDUCE[RESOURCES[plural as Plural]](one);
      return object === undefined ? [] : [{ kind: 'kube', at, cluster: 'one', object }];
    }),
  );
  const said = states.map((state): Event => ({
    kind: 'kube-state',
    at,
    cluster: 'one',
    state,
    unread: [],
    text: '',
  }));
  return requestsOf([...objects, ...said, ...stream]);
}

const toNodePort = (requests: readonly Request[]): Request | undefined =>
  requests.find(({ dialled, server }) => dialled.port === 32213 && server?.ip === '10.0.2.11');

describe('requests of a cluster whose API is read', () => {
  it('have its names, and else are what they are without it', () => {
    const [without, named] = [requestsOf(stream), withApi('in-step')];
    expect(named).toHaveLength(without.length);
    expect(toNodePort(without)?.server).not.toHaveProperty('container');
    expect(toNodePort(named)).toMatchObject({
      dialled: { kind: 'service', name: 'default/service-test', portName: 'http' },
      server: { kind: 'pod', name: 'default/service-test-2', node: 'node-b', container: 'service-test' },
      sourceSeenByServer: { kind: 'node', name: 'node-a' },
    });
    const facts = ({ id, state, hops, clientIp, inferred, failure }: Request): unknown => ({
      id,
      state,
      hops: hops.map(({ kind, before, after }) => ({ kind, before, after })),
      verdict: clientIp.verdict,
      cause: clientIp.cause,
      failure: failure?.kind,
      inferred,
    });
    expect(named.map(facts)).toEqual(without.map(facts));
  });

  it('say which names may be old where it was away', () => {
    const request = toNodePort(withApi('in-step', 'away'));
    expect(request?.server).toMatchObject({ name: 'default/service-test-2', stale: true });
    expect(request?.inferred.at(-1)).toMatch(
      /^named by what the Kubernetes API said before it went away: .*default\/service-test-2/,
    );
  });
});
