import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NamespaceRules } from '../../../src/cluster/rules/namespace-rules.ts';
import type { Refusal, Rewrite } from '../../../src/trace/knowledge.ts';
import { dump, isLocalOf, place, tuple } from './fixtures.ts';
import { REWRITTEN } from './scenarios.ts';

const SYNTAXES = ['iptables', 'ip6tables', 'nft'] as const;
const isLocal = isLocalOf('iptables', 'node-a');

/** Asks everything that is asked of a rule set; only that it answers counts. */
function askAll(rules: NamespaceRules): void {
  for (const row of REWRITTEN) {
    const original = tuple(row.protocol ?? 'tcp', row.from, row.to);
    const [dst, dport] = place(row.dnat ?? row.to);
    const [src, sport] = place(row.snat ?? row.from);
    const before = { ...original, dst, dport };
    const devices = { outDevice: row.out, ...(row.in === undefined ? {} : { inDevice: row.in }) };
    const rewrites: Rewrite[] = [
      {
        kind: 'dnat',
        hook: row.in === undefined ? 'OUTPUT' : 'PREROUTING',
        original,
        before: original,
        after: before,
        ...devices,
      },
      {
        kind: 'masquerade',
        hook: 'POSTROUTING',
        original,
        before,
        after: { ...before, src, sport },
        ...devices,
      },
      { kind: 'snat', hook: 'INPUT', original, before, after: { ...before, src, sport }, ...devices },
    ];
    for (const rewrite of rewrites) rules.rewriteRule(rewrite, isLocal);
    const refusals: Refusal[] = [
      { kind: 'drop', original, current: before, ...devices },
      { kind: 'reject', hook: 'FORWARD', original, current: original, ...devices },
    ];
    for (const refusal of refusals) rules.refusalRule(refusal, isLocal);
    rules.serviceAt(original.dst, original.dport, original.protocol, isLocal);
  }
  rules.nodePorts();
}

const dumps = {
  iptables: dump('iptables', 'node-a', 'iptables-save-c.txt'),
  ip6tables: dump('iptables', 'node-a', 'ip6tables-save-c.txt'),
  nft: dump('nftables', 'node-a', 'nft-ruleset.json'),
};

// On a busy machine the dumps, read some forty times over, take a while.
describe('text of any kind', { timeout: 60_000 }, () => {
  it('is read without complaint', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SYNTAXES),
        fc.string({ unit: 'binary', maxLength: 2000 }),
        (syntax, text) => {
          askAll(NamespaceRules.none.with(syntax, text));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is read without complaint where it looks like rules', () => {
    const word = fc.constantFrom(
      '-A',
      '-j',
      '-g',
      '-m',
      '-s',
      '-d',
      '-p',
      '!',
      '--dport',
      '--comment',
      '--mark',
      '--set-xmark',
      '--ctstate',
      '--to-destination',
      '--probability',
      'PREROUTING',
      'POSTROUTING',
      'constructor',
      '__proto__',
      'DNAT',
      'MARK',
      'MASQUERADE',
      'tcp',
      '10.0.0.0/8',
      'fd00::/300',
      '1:2',
      '0x1/0x1',
      '"un',
      'closed"',
      '',
      '[::1]:80',
      'RETURN',
    );
    const line = fc.array(word, { maxLength: 12 }).map((words) => `-A PREROUTING ${words.join(' ')}`);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const text = ['*nat', ':PREROUTING ACCEPT [0:0]', ':POSTROUTING ACCEPT', ...lines].join('\n');
        askAll(NamespaceRules.none.with('iptables', text));
      }),
      { numRuns: 100 },
    );
  });

  it('is read without complaint where it is a damaged dump', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SYNTAXES),
        fc.array(fc.tuple(fc.nat(200_000), fc.nat(40), fc.string({ maxLength: 8 })), {
          minLength: 1,
          maxLength: 20,
        }),
        (syntax, cuts) => {
          let text = dumps[syntax];
          for (const [at, length, put] of cuts) {
            const start = at % text.length;
            text = text.slice(0, start) + put + text.slice(start + length);
          }
          askAll(NamespaceRules.none.with(syntax, text));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is read without complaint where values of the listing are of another kind', () => {
    const value = fc.constantFrom<unknown>(
      null,
      0,
      -1,
      'x',
      [],
      {},
      [[1]],
      { set: [[1, null]] },
      { concat: [{}, 'a'] },
      '@cluster-ips',
      { range: [1] },
    );
    const keys = [
      'expr',
      'match',
      'left',
      'right',
      'payload',
      'vmap',
      'data',
      'key',
      'addr',
      'port',
      'elem',
      'set',
      'map',
      'concat',
      'mangle',
      'jump',
      'target',
      'op',
      'ct',
      'meta',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...keys), value), { minLength: 1, maxLength: 3 }),
        fc.nat(6),
        (swaps, every) => {
          const swapped = new Map(swaps);
          let count = 0;
          const parsed: unknown = JSON.parse(dumps.nft, (key, old: unknown) =>
            swapped.has(key) && ++count % (every + 1) === 0 ? swapped.get(key) : old,
          );
          askAll(NamespaceRules.none.with('nft', JSON.stringify(parsed)));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('deeply nested JSON overflows no stack', () => {
    const deep = (open: string, close: string) => `${open.repeat(50_000)}1${close.repeat(50_000)}`;
    for (const value of [
      deep('[', ']'),
      deep('{"&":[', ']}'),
      deep('{"concat":[', ']}'),
      deep('{"elem":{"val":', '}}'),
    ]) {
      const match = `{"match":{"op":"==","left":${value},"right":${value}}}`;
      const mangle = `{"mangle":{"key":{"meta":{"key":"mark"}},"value":${value}}}`;
      const dnat = `{"dnat":{"addr":${value}}}`;
      const chain =
        '{"chain":{"family":"ip","table":"t","name":"c","type":"nat","hook":"prerouting","prio":-100}}';
      const rules = [match, mangle, dnat, '{"vmap":{"key":1,"data":{"set":[[1,{"drop":null}]]}}}'].map(
        (expr) => `{"rule":{"family":"ip","table":"t","chain":"c","expr":[${expr}]}}`,
      );
      askAll(NamespaceRules.none.with('nft', `{"nftables":[${[chain, ...rules].join(',')}]}`));
    }
  });
});

describe('rules made to keep a reader busy', { timeout: 20_000 }, () => {
  const rewrite: Rewrite = {
    kind: 'dnat',
    hook: 'PREROUTING',
    original: tuple('tcp', '192.0.2.1:1', '192.0.2.2:2'),
    before: tuple('tcp', '192.0.2.1:1', '192.0.2.2:2'),
    after: tuple('tcp', '192.0.2.1:1', '192.0.2.3:3'),
    inDevice: 'eth0',
  };

  it.each([
    {
      what: 'chains that jump in a circle',
      lines: [':A -', ':B -', '-A PREROUTING -j A', '-A A -j B', '-A B -j A'],
    },
    {
      what: 'a choice at every step, doubling the ways',
      lines: [
        ...Array.from({ length: 60 }, (_, n) => `:C${n} -`),
        '-A PREROUTING -j C0',
        ...Array.from({ length: 59 }, (_, n) => [
          `-A C${n} -m statistic --mode random --probability 0.5 -j C${n + 1}`,
          `-A C${n} -m statistic --mode random --probability 0.5 -j C${n + 1}`,
        ]).flat(),
      ],
    },
    {
      what: 'ten thousand unknown matches that change the mark',
      lines: Array.from(
        { length: 10_000 },
        (_, n) => `-A PREROUTING -m novel --with ${n} -j MARK --set-xmark ${n}/0xffffffff`,
      ),
    },
    {
      what: 'a choice that calls itself',
      lines: [
        ':A -',
        '-A PREROUTING -j A',
        '-A A -m statistic --mode random --probability 0.5 -j A',
        '-A A -j A',
      ],
    },
  ])('$what: gives up in time', ({ lines }) => {
    const text = ['*nat', ':PREROUTING ACCEPT [0:0]', ...lines, 'COMMIT'].join('\n');
    const rules = NamespaceRules.none.with('iptables', text);
    const started = performance.now();
    expect(rules.rewriteRule(rewrite, isLocal)).toEqual({});
    // A few milliseconds on an idle machine.
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('cleans and cuts what goes out', () => {
    const text = `*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m comment --comment "a\u001b[31m${'b'.repeat(5000)}" -j DNAT --to-destination 192.0.2.3:3\n`;
    const { rule } = NamespaceRules.none.with('iptables', text).rewriteRule(rewrite, isLocal);
    expect(rule?.comment).toMatch(/^a·\[31mb+…$/);
    expect(rule?.comment?.length).toBeLessThanOrEqual(256);
    expect(rule?.text.length).toBeLessThanOrEqual(1024);
    expect(rule?.text).not.toContain('\u001b');
  });
});
