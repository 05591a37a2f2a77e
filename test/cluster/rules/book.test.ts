import { describe, expect, it } from 'vitest';
import { bookOf } from '../../../src/cluster/rules/book.ts';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import { isLocalOf, tuple } from './fixtures.ts';

const isLocal = isLocalOf('iptables', 'node-a');
const CHAINS = [':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]'];
const bookWith = (...rules: string[]) =>
  bookOf(
    NamespaceRules.none.with('iptables', ['*nat', ...CHAINS, ...rules, 'COMMIT', ''].join('\n')),
    isLocal,
  );

function dnat(sport: number, to = '10.0.2.11:8080') {
  const original = tuple('tcp', `10.0.1.99:${sport}`, '10.3.241.152:80');
  const target = tuple('tcp', `10.0.1.99:${sport}`, to);
  return {
    kind: 'dnat',
    hook: 'PREROUTING',
    inDevice: 'cbr0',
    original,
    before: original,
    after: target,
  } as const;
}

describe('a rule book asked again and again', () => {
  it('answers by source port where a rule asks for it', () => {
    const book = bookWith(
      '-A PREROUTING -p tcp -m tcp --sport 1000:1999 -j DNAT --to-destination 10.0.2.11:8080',
      '-A PREROUTING -p tcp -j DNAT --to-destination 10.0.2.11:8080',
    );
    expect(book.rewriteRule(dnat(1500)).rule?.text).toContain('--sport');
    expect(book.rewriteRule(dnat(3000)).rule?.text).not.toContain('--sport');
    expect(book.rewriteRule(dnat(1501)).rule?.text).toContain('--sport');
  });

  it('answers by the port that a rule gives the source', () => {
    const book = bookWith(
      '-A POSTROUTING -p tcp -m statistic --mode random --probability 0.5 -j SNAT --to-source 10.100.0.2:2000-2999',
      '-A POSTROUTING -p tcp -j SNAT --to-source 10.100.0.2:3000-3999',
    );
    const snat = (sport: number) => {
      const before = tuple('tcp', '10.0.1.99:700', '10.0.2.11:8080');
      const after = tuple('tcp', `10.100.0.2:${sport}`, '10.0.2.11:8080');
      const hook = 'POSTROUTING' as const;
      return book.rewriteRule({ kind: 'snat', hook, inDevice: 'cbr0', original: before, before, after }).rule
        ?.text;
    };
    expect(snat(2500)).toContain('2000-2999');
    expect(snat(3500)).toContain('3000-3999');
  });

  it('explains once what differs in the source port alone, and anew what leads elsewhere', () => {
    const book = bookWith(
      '-A PREROUTING -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.2.11:8080',
      '-A PREROUTING -p tcp -j DNAT --to-destination 10.0.1.11:8080',
    );
    const first = book.rewriteRule(dnat(1500));
    expect(first.rule?.text).toContain('10.0.2.11');
    expect(book.rewriteRule(dnat(3000))).toBe(first);
    expect(book.rewriteRule(dnat(1500, '10.0.1.11:8080')).rule?.text).toContain('10.0.1.11');
  });
});
