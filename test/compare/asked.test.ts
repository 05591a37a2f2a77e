import { describe, expect, it } from 'vitest';
import { askedBy, keyOf, looseKeyOf, pathClass, workloadOf } from '../../src/compare/asked.ts';
import type { Endpoint, Request } from '../../src/trace/request.ts';
import { ingressCarried, noSuchName } from '../fixtures/exchanges.ts';
import { request } from '../support/request.ts';

const from = (client: Partial<Endpoint>): string =>
  askedBy(request({ client: { ip: '10.0.1.2', port: 40_000, kind: 'pod', ...client } })).from;

describe('what is asked', () => {
  it('is the same whatever port the client was given', () => {
    const ask = (port: number): Request =>
      request({ client: { ip: '198.51.100.7', port, kind: 'external' } });
    expect(keyOf(askedBy(ask(40_000)))).toBe(keyOf(askedBy(ask(51_514))));
  });

  it.each([
    [{ ip: '198.51.100.7', kind: 'external' }, 'external 198.51.100.0/24'],
    [{ ip: '2001:db8:1:2:3::7', kind: 'external' }, 'external 2001:db8:1:2::/64'],
    [{ ip: '2001:db8::7', kind: 'external' }, 'external 2001:db8:0:0::/64'],
    [{ name: 'default/web-6c9f5d7b8-x2x7q', node: 'node-a' }, 'pod default/web-* on node-a'],
    [{ kind: 'node', name: 'node-a', node: 'node-a' }, 'node node-a'],
    [{ kind: 'unknown' }, 'unknown 10.0.1.0/24'],
  ] as const)('%j asks as %s', (client, words) => {
    expect(from(client)).toBe(words);
  });

  it('is a Service and its port, the address, and the exchange', () => {
    expect(askedBy(ingressCarried)).toMatchObject({
      what: expect.stringMatching(/^GET .*\/a\/pings$/) as string,
    });
    expect(askedBy(noSuchName).what).toMatch(/^A+ /);
    const dialled: Endpoint = {
      ip: '10.3.1.1',
      port: 80,
      kind: 'service',
      name: 'default/web',
      portName: 'http',
    };
    expect(askedBy(request({ dialled }))).toMatchObject({ service: 'default/web:http', to: '10.3.1.1:80' });
  });

  it('by loose terms, is the same at another address of its Service', () => {
    const at = (ip: string) =>
      askedBy(request({ dialled: { ip, port: 80, kind: 'service', name: 'default/web', portName: 'http' } }));
    expect(keyOf(at('10.3.1.1'))).not.toBe(keyOf(at('10.3.1.2')));
    expect(looseKeyOf(at('10.3.1.1'))).toBe(looseKeyOf(at('10.3.1.2')));
  });
});

it.each([
  ['/', '/'],
  ['/a/pings', '/a/pings'],
  ['/users/17/orders?page=2', '/users/*/orders'],
  ['/o/123e4567-e89b-12d3-a456-426614174000', '/o/*'],
  ['/blobs/sha256:4f2a', '/blobs/sha256:4f2a'],
  ['/c/9b74c9897bac770ffc029102a200c5de/raw', '/c/*/raw'],
  ['/v1/deadbeef', '/v1/deadbeef'],
  ['*', '*'],
])('%s is of the class %s', (path, wanted) => {
  expect(pathClass(path)).toBe(wanted);
});

it.each([
  ['default/web-6c9f5d7b8-x2x7q', 'default/web-*'],
  ['default/web-0', 'default/web-*'],
  ['kube-system/kube-proxy-x2x7q', 'kube-system/kube-proxy-*'],
  ['default/ingress-nginx', 'default/ingress-nginx'],
  ['toolbox-a', 'toolbox-a'],
])('%s is of %s', (pod, workload) => {
  expect(workloadOf(pod)).toBe(workload);
});
