import { describe, expect, it } from 'vitest';
import { parseIptables } from '../../../src/cluster/rules/iptables.ts';
import type { ParsedRule, RuleSet } from '../../../src/cluster/rules/model.ts';
import { parseNft } from '../../../src/cluster/rules/nft.ts';
import { dump, type Mode, type Node } from './fixtures.ts';
import { saidByLine, saidByModel } from './render.ts';

const NODES: readonly Node[] = ['node-a', 'node-b'];
const MODES: readonly Mode[] = ['iptables', 'nftables'];

const rulesOf = (set: RuleSet): ParsedRule[] =>
  set.tables.flatMap(({ chains }) => [...chains.values()].flatMap(({ rules }) => rules));

const unknownIn = (rules: readonly ParsedRule[]): string[] =>
  rules.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      step.kind === 'match' && step.match.kind === 'unknown' ? [step.match.text] : [],
    ),
  );

describe.each(MODES.flatMap((mode) => NODES.map((node) => ({ mode, node }))))(
  'dumps of $node in $mode mode',
  ({ mode, node }) => {
    it.each([
      { file: 'iptables-save-c.txt', family: 'ip' as const },
      { file: 'ip6tables-save-c.txt', family: 'ip6' as const },
    ])('$file: every rule is read in order, and says what its line says', ({ file, family }) => {
      const text = dump(mode, node, file);
      const lines = text.split('\n').filter((line) => line.includes('-A '));
      const set = parseIptables(text, family);
      const byChain = (list: readonly string[]): string[] =>
        [...list].sort((a, b) => (chainIn(a) < chainIn(b) ? -1 : chainIn(a) > chainIn(b) ? 1 : 0));
      const rules = rulesOf(set);
      expect(byChain(rules.map((rule) => rule.text))).toEqual(
        byChain(lines.map((line) => line.replace(/^\[\d+:\d+\] /, ''))),
      );
      for (const rule of rules) expect(saidByModel(rule), rule.text).toEqual(saidByLine(rule.text));
      expect(unknownIn(rules)).toEqual([]);
      const comments = lines.flatMap((line) => /--comment "([^"]*)"/.exec(line)?.[1] ?? []);
      expect(rules.flatMap(({ comment }) => comment ?? []).sort()).toEqual(comments.sort());
    });

    it('knows which chains hang on which hook', () => {
      const set = parseIptables(dump('iptables', node, 'iptables-save-c.txt'), 'ip');
      const bases = set.tables.flatMap((table) =>
        [...table.chains.values()].flatMap(({ name, base }) =>
          base ? [`${table.name} ${name} ${base.type} ${base.priority} ${base.policy}`] : [],
        ),
      );
      expect(bases).toContain('nat PREROUTING nat -100 accept');
      expect(bases).toContain('nat POSTROUTING nat 100 accept');
      expect(bases).toContain('mangle FORWARD filter -150 accept');
      expect(bases).toContain('filter INPUT filter 0 accept');
      expect(bases).toHaveLength(12);
    });
  },
);

describe.each(NODES)('nft ruleset of %s', (node) => {
  const set = parseNft(dump('nftables', node, 'nft-ruleset.json'));
  const own = { tables: set.tables.filter(({ name }) => name === 'kube-proxy') };

  it('reads every rule, and prints it as nft does', () => {
    const listed = dump('nftables', node, 'nft-ruleset.txt')
      .split('\n')
      .flatMap(
        (line) =>
          /^\t\t(?!type |comment |elements |size |flags |timeout |gc-)(.*) # handle \d+$/.exec(line)?.[1] ??
          [],
      )
      // The table of iptables-nft: its extensions are not in the listing's JSON.
      .filter((rule) => !rule.includes('counter packets'));
    expect(
      rulesOf(own)
        .map(({ text }) => text)
        .sort(),
    ).toEqual(listed.sort());
  });

  it('understands every match of kube-proxy', () => {
    expect(unknownIn(rulesOf(own))).toEqual([]);
  });

  it('knows of iptables rules in the listing what it keeps of them', () => {
    // The names of iptables extensions, not what they ask: iptables-save says it.
    const foreign = { tables: set.tables.filter(({ name }) => name !== 'kube-proxy') };
    expect(new Set(unknownIn(rulesOf(foreign)))).toEqual(new Set(['xt addrtype']));
  });
});

describe.each(MODES.flatMap((mode) => NODES.map((node) => ({ mode, node }))))(
  'nft ruleset of $node in $mode mode',
  ({ mode, node }) => {
    it('loses no rule and no chain', () => {
      const text = dump(mode, node, 'nft-ruleset.json');
      const { nftables } = JSON.parse(text) as { nftables: Record<string, unknown>[] };
      const count = (kind: 'rule' | 'chain'): number => nftables.filter((object) => kind in object).length;
      const { tables } = parseNft(text);
      expect(rulesOf({ tables })).toHaveLength(count('rule'));
      expect(tables.flatMap(({ chains }) => [...chains.keys()])).toHaveLength(count('chain'));
    });
  },
);

const chainIn = (text: string): string => /-A (\S+)/.exec(text)?.[1] ?? '';
