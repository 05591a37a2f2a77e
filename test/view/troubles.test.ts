import { describe, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { RequestList } from '../../src/view/list.ts';
import { ViewModel } from '../../src/view/model.ts';
import { countTroubles, troublesIn } from '../../src/view/troubles.ts';
import { byName, noSuchName } from '../fixtures/exchanges.ts';
import * as fixtures from '../fixtures/requests.ts';

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000Z`;
const times = (count: number, of: Request, more: Partial<Request> = {}): Request[] =>
  Array.from({ length: count }, (_, nth) => ({
    ...of,
    id: `${of.id}-${String(nth)}`,
    startedAt: at(nth),
    ...more,
  }));
/** One client that tries port after port of a node. */
const scan = (ports: number): Request[] =>
  Array.from({ length: ports }, (_, port) => ({
    ...fixtures.refused,
    id: `scan-${String(port)}`,
    dialled: { ...fixtures.refused.dialled, port: port + 1 },
  }));
const lines = (requests: readonly Request[]): string[] =>
  troublesIn(requests).groups.map(
    ({ whom, what, failed, all, clients }) =>
      `${whom} ${what} ${String(failed)}/${String(all)} by ${String(clients)}`,
  );

describe('what fails', () => {
  it('is counted by Service and kind, with what went well there', () => {
    const other = { client: { ...fixtures.client, ip: '198.51.100.8' } };
    expect(
      lines([
        ...times(3, fixtures.noEndpoints),
        ...times(1, { ...fixtures.noEndpoints, id: 'other' }, other),
        ...times(2, fixtures.localWithoutEndpoint),
        ...times(4, fixtures.nodePortLocal),
        ...times(5, fixtures.clusterIp),
      ]),
    ).toEqual([
      'default/empty rejected-no-endpoints 4/4 by 2',
      'default/web-local no-local-endpoint 2/6 by 1',
    ]);
  });

  it('stands in the order in which one needs it: the network, wholly dark, often; then servers; then scans', () => {
    const complaint = { ...byName, http: { method: 'GET', path: '/', status: 503, tls: false } };
    const groups = troublesIn([
      ...scan(40),
      ...times(30, complaint),
      ...times(9, fixtures.localWithoutEndpoint),
      ...times(9, fixtures.nodePortLocal),
      ...times(2, fixtures.noEndpoints),
      noSuchName,
    ]).groups.map(({ what }) => what);
    expect(groups.slice(-2)).toEqual(['HTTP 503', 'port scan']);
    expect(groups.indexOf('rejected-no-endpoints')).toBeLessThan(groups.indexOf('no-local-endpoint'));
    expect(groups).toContain('dns-nxdomain');
  });

  it('tells the last one of each', () => {
    const [group] = troublesIn(times(3, fixtures.noEndpoints).reverse()).groups;
    expect(group?.last.startedAt).toBe(at(2));
  });

  it('takes many closed ports of one machine for a scan, and a few for what they are', () => {
    expect(lines(scan(9))).toHaveLength(9);
    expect(lines(scan(10))).toEqual(['node-a from 198.51.100.7 port scan 10/10 by 1']);
    // The same failure ten times over is none.
    expect(lines(times(10, fixtures.refused))).toEqual(['node-a:80 refused 10/10 by 1']);
    expect(countTroubles([...scan(12), fixtures.noEndpoints])).toEqual({ failed: 1, scanned: 12 });
  });
});

describe('the list of failures', () => {
  const list = (requests: readonly Request[]): RequestList => {
    const model = new ViewModel();
    for (const request of requests) model.upsert(request);
    return new RequestList(model);
  };
  const shown = (of: RequestList): string[] => of.snapshot(100).rows.map(({ id }) => id);

  it('is not drowned by a port scan', () => {
    const all = list([...scan(40), fixtures.noEndpoints, fixtures.clusterIp]);
    all.toggleFailuresOnly();
    expect(shown(all)).toEqual([fixtures.noEndpoints.id]);
    all.toggleFailuresOnly();
    expect(shown(all)).toHaveLength(42);
  });

  it('shows one kind of trouble alone, the scan too', () => {
    const all = list([...scan(12), ...times(2, fixtures.noEndpoints), fixtures.clusterIp]);
    const [first, last] = all.troubles.groups;
    all.pick({ key: first?.key ?? '', words: '' });
    expect(shown(all)).toEqual(['no-endpoints-0', 'no-endpoints-1']);
    all.pick({ key: last?.key ?? '', words: '' });
    expect(shown(all)).toHaveLength(12);
  });
});
