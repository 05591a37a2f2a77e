import { describe, expect, it } from 'vitest';
import { rules } from '../../scripts/lab/rules.ts';
import { allScenarios, requestsAndNames, scenarios } from '../../scripts/lab/scenarios.ts';
import {
  expectedIn,
  type Dial,
  type Expected,
  type ExpectedRequest,
} from '../../scripts/lab/scenarios/scenario.ts';
import { MODES, topology, type Mode } from '../../scripts/lab/topology.ts';

const dialsOf = (all: typeof scenarios): { scenario: (typeof scenarios)[number]; dial: Dial }[] =>
  all.flatMap((scenario) => scenario.dials.map((dial) => ({ scenario, dial })));
const asks = requestsAndNames.flatMap(({ id, dials }) =>
  dials.flatMap(({ http }) => (http?.requests ?? []).map(({ path, expect: want }) => ({ id, path, want }))),
);

it('cover every row that is traced in the lab', () => {
  const rows = new Set(allScenarios.map((scenario) => scenario.row));
  for (const row of [
    'S1',
    'S2',
    'S3',
    'S4',
    'S5',
    'S6',
    'S7',
    'S8',
    'S9',
    'S10',
    'S11',
    'S12',
    'S13',
    'S14',
    'S15',
    'S16',
    'S17',
    'S18',
    'S19',
    'S20',
    'UDP',
    'ICMP',
  ])
    expect(rows).toContain(row);
});

it('have one id each', () => {
  const ids = allScenarios.map((scenario) => scenario.id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each(MODES)('in %s mode', (mode) => {
  const names = topology(mode).namespaces.map(({ name }) => name);
  const servers = topology(mode).namespaces.flatMap((namespace) => namespace.servers.map(({ name }) => name));
  const expectedOf = (all: typeof scenarios): { id: string; dial: Dial; want: Expected }[] =>
    dialsOf(all).map(({ scenario, dial }) => ({ id: scenario.id, dial, want: expectedIn(dial, mode) }));
  const expected = expectedOf(allScenarios);

  it.each(expected)('$id speaks of namespaces and servers that exist', ({ dial, want }) => {
    expect(names).toContain(dial.from);
    for (const step of places(want)) expect(names).toContain(step.node);
    for (const crossed of want.crosses ?? []) expect(names).toContain(crossed.split('/')[0]);
    if (want.server !== undefined) expect(servers).toContain(want.server);
  });

  it.each(expectedOf(scenarios))('$id agrees with itself', ({ dial, want }) => {
    expect(want.verdict === 'lost').toBe(want.cause !== undefined);
    expect(want.outcome === 'answered').toBe(want.verdict !== undefined);
    if (dial.until !== undefined && want.outcome === 'answered') expect(want.server).toBe(dial.until);
    const source = want.rewrites
      .filter((rewrite) => rewrite.kind === 'snat' || rewrite.kind === 'masquerade')
      .at(-1);
    if (source && want.sourceSeen !== undefined) expect(source.to.split(':8080')[0]).toBe(want.sourceSeen);
  });

  it.each(expected)('$id names only chains, and jumps, that the rules have', ({ want }) => {
    hasChains(mode, places(want, mode));
  });

  it.each(asks)("$id, $path: its legs' places and chains exist, one leads to the next", ({ want }) => {
    for (const { from, to, server, rewrites } of want.legs) {
      expect(names).toEqual(expect.arrayContaining([from, to]));
      if (server !== undefined) expect(servers).toContain(server);
      hasChains(mode, places({ rewrites }, mode));
    }
    for (const [from, to] of pairs(want.legs.map((leg) => `${leg.from} ${leg.to}`)))
      expect(to.split(' ')[0]).toBe(from.split(' ')[1]);
    for (const { leg } of want.carriers) expect(leg).toBeLessThanOrEqual(want.legs.length);
    agrees(want);
  });
});

/** What is carried is the client on some leg at least; what is forged or stale is it nowhere at the end. */
function agrees({ verdict, carriers, legs }: ExpectedRequest): void {
  if (verdict === 'carried') expect(carriers.some(({ isClient }) => isClient)).toBe(true);
  if (verdict === 'forged-or-stale')
    expect(carriers.some(({ leg, isClient }) => leg === legs.length && isClient)).toBe(false);
}

function hasChains(mode: Mode, all: readonly PlaceOfRule[]): void {
  for (const { node, chain, via } of all) {
    const text = ruleText(mode, node);
    for (const [from, to] of pairs([...via, chain]))
      expect(leadsTo(text, from, to), `${from} > ${to}`).toBe(true);
  }
}

interface PlaceOfRule {
  node: string;
  chain: string;
  via: readonly string[];
}

function places(want: Pick<Expected, 'rewrites' | 'refusal'>, mode: Mode = 'iptables'): PlaceOfRule[] {
  return [
    ...want.rewrites.flatMap(({ node, rule }) => (rule === undefined ? [] : [{ node, ...rule[mode] }])),
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
