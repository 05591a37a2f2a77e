import { describe, expect, it } from 'vitest';
import { rules } from '../../scripts/lab/rules.ts';
import { scenarios } from '../../scripts/lab/scenarios.ts';
import { expectedIn, type Expected } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES, topology, type Mode } from '../../scripts/lab/topology.ts';

const dials = scenarios.flatMap((scenario) => scenario.dials.map((dial) => ({ scenario, dial })));

it('cover every row that is traced in the lab', () => {
  const rows = new Set(scenarios.map((scenario) => scenario.row));
  for (const row of [
    'S1',
    'S2',
    'S3',
    'S4',
    'S5',
    'S6',
    'S7',
    'S8',
    'S13',
    'S14',
    'S15',
    'S16',
    'S18',
    'UDP',
    'ICMP',
  ])
    expect(rows).toContain(row);
});

it('have one id each', () => {
  const ids = scenarios.map((scenario) => scenario.id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each(MODES)('in %s mode', (mode) => {
  const names = topology(mode).namespaces.map(({ name }) => name);
  const servers = topology(mode).namespaces.flatMap((namespace) => namespace.servers.map(({ name }) => name));
  const expected = dials.map(({ scenario, dial }) => ({
    id: scenario.id,
    dial,
    want: expectedIn(dial, mode),
  }));

  it.each(expected)('$id speaks of namespaces and servers that exist', ({ dial, want }) => {
    expect(names).toContain(dial.from);
    for (const step of places(want)) expect(names).toContain(step.node);
    for (const crossed of want.crosses ?? []) expect(names).toContain(crossed.split('/')[0]);
    if (want.server !== undefined) expect(servers).toContain(want.server);
  });

  it.each(expected)('$id agrees with itself', ({ dial, want }) => {
    expect(want.verdict === 'lost').toBe(want.cause !== undefined);
    expect(want.outcome === 'answered').toBe(want.verdict !== undefined);
    if (dial.until !== undefined && want.outcome === 'answered') expect(want.server).toBe(dial.until);
    const source = want.rewrites
      .filter((rewrite) => rewrite.kind === 'snat' || rewrite.kind === 'masquerade')
      .at(-1);
    if (source && want.sourceSeen !== undefined) expect(source.to.split(':8080')[0]).toBe(want.sourceSeen);
  });

  it.each(expected)('$id names only chains, and jumps, that the rules have', ({ want }) => {
    for (const { node, chain, via } of places(want, mode)) {
      const text = ruleText(mode, node);
      for (const [from, to] of pairs([...via, chain]))
        expect(leadsTo(text, from, to), `${from} > ${to}`).toBe(true);
    }
  });
});

interface PlaceOfRule {
  node: string;
  chain: string;
  via: readonly string[];
}

function places(want: Expected, mode: Mode = 'iptables'): PlaceOfRule[] {
  return [
    ...want.rewrites.map((rewrite) => ({ node: rewrite.node, ...rewrite.rule[mode] })),
    ...(want.refusal ? [{ node: want.refusal.node, ...want.refusal.rule }] : []),
  ];
}

const pairs = (chains: readonly string[]): [string, string][] =>
  chains.slice(1).map((chain, index) => [chains[index] ?? '', chain]);

/** Everything that is loaded into a namespace, both families. */
const ruleText = (mode: Mode, node: string): string =>
  rules(mode)
    .filter((load) => load.namespace === node)
    .map((load) => load.input)
    .join('\n');

/** Some rule of the one chain, or the map that it looks up, jumps to the other. */
function leadsTo(text: string, from: string, to: string): boolean {
  const inSave = text
    .split('\n')
    .some(
      (line) => /^(\[.*\] )?-[AI] /.test(line) && line.includes(` ${from} `) && line.endsWith(` -j ${to}`),
    );
  return (
    inSave ||
    bodies(text, 'chain', from).some(
      (body) => jumps(body, to) || maps(text, body).some((map) => jumps(map, to)),
    )
  );
}

const jumps = (body: string, to: string): boolean =>
  ['jump', 'goto'].some((verb) => new RegExp(`\\b${verb} ${to}(?=[\\s,]|$)`).test(body));

/** The bodies of the maps that a chain looks up, and what is added to them later. */
const maps = (text: string, body: string): string[] =>
  [...body.matchAll(/vmap @(\S+)/g)].flatMap(([, map = '']) => [
    ...bodies(text, 'map', map),
    ...text.split('\n').filter((line) => line.startsWith(`add element ip kube-proxy ${map} `)),
  ]);

/** What stands between the braces, for each family's object of that name. */
const bodies = (text: string, kind: 'chain' | 'map', name: string): string[] =>
  text
    .split(`\n\t${kind} ${name} {`)
    .slice(1)
    .map((rest) => rest.slice(0, rest.indexOf('\n\t}')));
