/** A round of the lab's scenarios that was traced in a guest, as it comes out of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt, DialResult, RunResult } from '../../scripts/lab/lab.ts';
import { scenarios } from '../../scripts/lab/scenarios.ts';
import { faultScenarios } from '../../scripts/lab/scenarios/faults.ts';
import { expectedIn, type Dial, type Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import type { Identity, Mode } from '../../scripts/lab/topology.ts';
import type { Suite } from '../../scripts/vm/suites.ts';
import type { Ended } from '../support/nathop.ts';
import { parseRequests, type TracedLab } from '../live/trace-lab.ts';

export const ROUNDS = ['iptables', 'nftables', 'ipvs', 'conntrack', 'part-a', 'part-b'] as const;
export type Round = (typeof ROUNDS)[number];
export const isRound = (text: string): text is Round => (ROUNDS as readonly string[]).includes(text);

export const PREFIX = 'nv-';
export const RECORDING = 'lab.nathop';
export const TRACED = 'traced.json';
export const READY = 'ready';

/** An emulated machine on a busy one is late, and no failure. */
const PATIENCE_MS = 30_000;
const patiently = (scenario: Scenario): Scenario => ({
  ...scenario,
  dials: scenario.dials.map((dial) => ({ ...dial, ...(isAnswered(dial) && { timeoutMs: PATIENCE_MS }) })),
});
const isAnswered = (dial: Dial): boolean => expectedIn(dial, 'iptables').outcome === 'answered';

/**
 * What a kernel tells of. Where it gives no reason for a drop (before 5.17) a packet that finds no socket is not told, and
 * so nothing of a dial over loopback that is refused.
 */
export const toldOn = (release: Suite, mode: Mode): readonly Scenario[] =>
  scenarios.filter(
    ({ dials }) =>
      release !== 'bullseye' ||
      !dials.some((dial) => dial.to.ip.startsWith('127.') && expectedIn(dial, mode).outcome === 'refused'),
  );

/** What needs both machines of a lab over two. */
export const acrossNodes: readonly Scenario[] = scenarios
  .filter(({ row }) => row === 'S2' || row === 'S5')
  .map(patiently);

/** What IPVS serves as the other modes do: a ClusterIP from a pod and from a node, and a node port from outside. */
export const throughVirtualServers: readonly Scenario[] = scenarios
  .filter(({ id }) =>
    [
      's3-clusterip-remote',
      's3-clusterip-same-node',
      'node-clusterip-remote',
      's5-nodeport-a-remote',
    ].includes(id),
  )
  .map(patiently);

/** What conntrack itself turns away: its table is full, and two connections that would be the same. */
export const byConntrack: readonly Scenario[] = faultScenarios.filter(({ id }) =>
  ['conntrack-full', 'entry-expired', 'snat-ports-exhausted'].includes(id),
);

/** Scenarios are on both sides, and named by their ids. */
export interface Traced {
  readonly lab: Identity;
  readonly results: readonly { scenario: string; dials: readonly (readonly Attempt[])[] }[];
  readonly ended: Ended;
}

export async function readTraced(folder: string): Promise<TracedLab> {
  const { lab, results, ended } = JSON.parse(await readFile(join(folder, TRACED), 'utf8')) as Traced;
  const byId = new Map([...scenarios, ...byConntrack].map((scenario) => [scenario.id, scenario]));
  return {
    lab,
    results: results.map(({ scenario: id, dials }) => resultOf(byId.get(id), dials)),
    requests: parseRequests(ended.stdout),
    ended,
    recording: join(folder, RECORDING),
    folder,
  };
}

function resultOf(scenario: Scenario | undefined, dials: readonly (readonly Attempt[])[]): RunResult {
  if (scenario === undefined) throw new Error('the guest ran a scenario that is not known here');
  return { scenario, dials: scenario.dials.map((dial, index) => dialOf(dial, dials[index] ?? [])) };
}

function dialOf(dial: Dial, attempts: readonly Attempt[]): DialResult {
  const last = attempts.at(-1);
  if (last === undefined) throw new Error('a dial in the guest was not made');
  return { dial, attempts, last };
}
