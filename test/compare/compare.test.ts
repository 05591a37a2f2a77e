import { describe, expect, it } from 'vitest';
import { compare } from '../../src/compare/compare.ts';
import type { Comparison, KindComparison } from '../../src/compare/compare.ts';
import type { Facet } from '../../src/compare/sample.ts';
import { Side } from '../../src/compare/side.ts';
import type { Request } from '../../src/trace/request.ts';
import { request } from '../support/request.ts';

let made = 0;
const one = (fields: Partial<Request> = {}): Request => request({ id: `r${String(++made)}`, ...fields });
const many = (count: number, fields: Partial<Request> = {}): Request[] =>
  Array.from({ length: count }, () => one(fields));

function side(requests: readonly Request[]): Side {
  const taken = new Side();
  for (const each of requests) taken.take(each);
  return taken;
}

const between = (before: readonly Request[], after: readonly Request[]): Comparison =>
  compare(side(before), side(after));

function onlyKind({ kinds }: Comparison): KindComparison {
  expect(kinds).toHaveLength(1);
  return kinds[0] as KindComparison;
}

const changes = ({ facets }: KindComparison, facet: Facet): string[] =>
  (facets.find((found) => found.facet === facet)?.values ?? []).map(
    ({ change, before, after, fact }) => `${change} ${String(before)} ${String(after)} ${fact.text}`,
  );

const preserved: Request['clientIp'] = { verdict: 'preserved', carriers: [], text: '', remedies: [] };
const served = (ip: string): Partial<Request> => ({ server: { ip, port: 8080, kind: 'external' } });

describe('two recordings', () => {
  it('of the same are the same', () => {
    const comparison = between(many(3), many(4));
    expect(comparison.before).toEqual({ requests: 3, tooOld: 0, holed: 0, changesOnly: false });
    expect(onlyKind(comparison)).toMatchObject({ change: 'same', requests: { before: 3, after: 4 } });
  });

  it('differ in the verdict, with its place and cause', () => {
    const kind = onlyKind(between(many(6), many(6, { clientIp: preserved })));
    expect(kind.change).toBe('differs');
    expect(changes(kind, 'clientIp')).toEqual([
      expect.stringMatching(/^gone 6 0 lost at node-a: masquerade-/),
      'new 0 6 preserved',
    ]);
  });

  it('differ in a way that one request on each side shows', () => {
    const kind = onlyKind(between([one()], [one({ hops: [], clientIp: preserved })]));
    expect(kind).toMatchObject({ change: 'differs', few: true });
    expect(changes(kind, 'way')).toHaveLength(2);
  });

  it('do not differ where chance chose another endpoint', () => {
    const before = [...many(4, served('10.0.2.2')), ...many(2, served('10.0.2.3'))];
    const kind = onlyKind(between(before, many(5, served('10.0.2.2'))));
    expect(kind).toMatchObject({ change: 'within-chance', few: false });
    expect(changes(kind, 'server')).toEqual(['same 4 5 10.0.2.2', 'gone 2 0 10.0.2.3']);
    const shares = [...many(6, served('10.0.2.2')), ...many(4, served('10.0.2.3'))];
    expect(onlyKind(between(shares, [...shares, ...many(1, served('10.0.2.3'))])).change).toBe('same');
  });

  it('differ where a share moves further than chance has it', () => {
    const mixed = (a: number, b: number): Request[] => [
      ...many(a, served('10.0.2.2')),
      ...many(b, served('10.0.2.3')),
    ];
    const kind = onlyKind(between(mixed(50, 50), mixed(5, 95)));
    expect(kind.change).toBe('differs');
    expect(changes(kind, 'server')).toEqual(['share 50 95 10.0.2.3', 'share 50 5 10.0.2.2']);
  });

  it('take the Service for the same at another address, and say so', () => {
    const at = (ip: string): Partial<Request> => ({
      dialled: { ip, port: 80, kind: 'service', name: 'default/web', portName: 'http' },
    });
    const kind = onlyKind(between(many(2, at('10.3.1.1')), many(2, at('10.3.1.2'))));
    expect(kind).toMatchObject({
      change: 'differs',
      asked: { service: 'default/web:http', to: '10.3.1.2:80' },
      askedBefore: { to: '10.3.1.1:80' },
    });
  });

  it('tell what only one of them has', () => {
    const dns = { protocol: 'udp', dialled: { ip: '10.3.240.10', port: 53, kind: 'external' } } as const;
    const { kinds } = between([one(), one(dns)], [one()]);
    expect(kinds.map(({ change }) => change)).toEqual(['only-before', 'same']);
  });

  it('judge a request that is told again by what is told last, and forget what is unwanted in the end', () => {
    const answered = one();
    const before = side([{ ...answered, state: 'open' }, answered]);
    expect(changes(onlyKind(compare(before, before)), 'outcome')).toEqual(['same 1 1 answered']);
    before.drop(answered.id);
    expect(compare(before, before).kinds).toEqual([]);
  });

  it('leave out what is older than they are, and say how much has holes', () => {
    const { startedAt: _, ...older } = one();
    expect(side([older, one({ lostEvents: 2 })]).summary).toMatchObject({ requests: 1, tooOld: 1, holed: 1 });
  });

  it('are compared by rewrites alone where one does not tell devices', () => {
    const blind = side(
      many(2, { hops: one().hops.filter(({ kind }) => kind !== 'device' && kind !== 'deliver') }),
    );
    blind.watch({ kind: 'probes', at: 0, set: 'tracepoint', level: 'nat', running: true, missing: [] });
    expect(onlyKind(compare(side(many(2)), blind)).change).toBe('same');
    expect(compare(side([one()]), blind).after.changesOnly).toBe(true);
  });
});

describe('times', () => {
  const lasting = (times: readonly number[]): Request[] => times.map((durationMs) => one({ durationMs }));
  const ten = (from: number): Request[] => lasting(Array.from({ length: 10 }, (_, i) => from + i / 10));
  const change = (before: readonly Request[], after: readonly Request[]): string | undefined =>
    onlyKind(between(before, after)).times.find(({ timing }) => timing === 'duration')?.change;

  it('are slower, faster, the same, or too few to tell', () => {
    expect(change(ten(1), ten(4))).toBe('slower');
    expect(change(ten(4), ten(1))).toBe('faster');
    expect(change(ten(1), ten(1))).toBe('same');
    expect(change(lasting([1, 1, 1]), lasting([9, 9, 9]))).toBe('too-few');
  });

  it('that differ for certain by next to nothing are the same', () => {
    expect(change(ten(100), ten(101))).toBe('same');
  });

  it('are of what closed', () => {
    const open = many(10, { state: 'established', durationMs: 5 });
    expect(onlyKind(between(open, open)).times.map(({ timing }) => timing)).not.toContain('duration');
  });
});
