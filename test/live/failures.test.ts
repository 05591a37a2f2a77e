/**
 * Every network that the lab can break, traced live on real packets by nathop as users run it: what failed, at which
 * hop, by what evidence, and what comes next.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mismatches } from '../../scripts/lab/truth.ts';
import { faultScenarios } from '../../scripts/lab/scenarios/faults.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import { expectedIn, type Expected, type Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { requestSchema } from '../../src/outputs/schema.ts';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { runNathop, type Ended } from '../support/nathop.ts';
import { lastOf, requestsOf } from './requests.ts';
import { traceLab, UNANSWERED_MS, type TracedLab } from './trace-lab.ts';

const tracing = await traced();
/** Many scenarios wait for what does not come. */
const PATIENCE_MS = 500_000;

tracing('broken networks, traced live', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let run: TracedLab;
    let replayed: Ended;

    beforeAll(async () => {
      run = await traceLab({ mode, prefix: 'nf-' }, faultScenarios, { settleMs: UNANSWERED_MS });
      replayed = await runNathop(['replay', '-o', 'json', run.recording]);
    }, PATIENCE_MS);
    afterAll(() => {
      rmSync(run.folder, { recursive: true, force: true });
    });

    const toldOf = (scenario: Scenario): [Expected, Request[]][] => {
      const result = run.results.find((one) => one.scenario === scenario);
      if (result === undefined) throw new Error(`${scenario.id} was not run`);
      expect(mismatches(result, mode)).toEqual([]);
      return lastOf(result).map(({ dial, attempt }) => [
        expectedIn(dial, mode),
        requestsOf(run.requests, { lab: run.lab, dial }, attempt.from),
      ]);
    };

    it.each(faultScenarios)('$row $id: $title', (scenario) => {
      for (const [want, told] of toldOf(scenario)) {
        expect(told).not.toEqual([]);
        for (const request of told) expect(requestSchema.safeParse(request).error).toBeUndefined();
        check(want, faultOf(want, told), run.lab.prefix);
      }
    });

    it('tells what nobody answers when its time is up, not when its client gives up', () => {
      const durations = toldOf(scenarioOf('patient-client')).map(([, told]) => told[0]?.durationMs);
      expect(durations).toEqual([expect.any(Number)]);
      expect(durations[0]).toBeGreaterThanOrEqual(5_000);
      expect(durations[0]).toBeLessThan(6_500);
    });

    it('corrects what was told when the answer comes, under the same id', () => {
      const told = toldOf(scenarioOf('late-answer')).flatMap(([, requests]) => requests);
      expect(told.map(({ state }) => state)).toEqual(['dropped', 'closed']);
      expect(new Set(told.map(({ id }) => id)).size).toBe(1);
      expect(told.at(-1)?.failure).toBeUndefined();
    });

    it('replays its recording byte for byte', () => {
      expect(replayed.status).toBe(0);
      expect(replayed.stdout).toBe(run.ended.stdout);
    });
  });
});

function scenarioOf(id: string): Scenario {
  const scenario = faultScenarios.find((one) => one.id === id);
  if (scenario === undefined) throw new Error(`no scenario ${id}`);
  return scenario;
}

/** A connection that stands still is told so; what came of it when the network was mended came later. */
function faultOf({ states }: Expected, told: readonly Request[]): Request {
  const found = told.findLast(({ state }) => states.includes(state));
  if (found === undefined) throw new Error(`told as ${told.map(({ state }) => state).join(', ')}`);
  return found;
}

function check(want: Expected, request: Request, prefix: string): void {
  const { failure } = request;
  const { fault } = want;
  expect(failure?.kind).toBe(want.failure);
  if (failure === undefined || fault === undefined) return;
  expect(failure.detail).toBe(fault.detail);
  expect(failure.reason).toContain(fault.reason ?? '');
  for (const part of fault.evidence) {
    expect(failure.evidence.map((line) => line.replaceAll(prefix, ''))).toContainEqual(
      expect.stringContaining(part),
    );
  }
  expect(failure.next).toContain(fault.next);
  if (fault.hop === undefined) return;
  const hops = failure.atReplyHop === undefined ? request.hops : request.replyHops;
  const { kind, netns } = hops[failure.atReplyHop ?? failure.atHop ?? -1] ?? {};
  expect({ kind, in: netns?.name?.replace(prefix, '') }).toEqual(fault.hop);
}
