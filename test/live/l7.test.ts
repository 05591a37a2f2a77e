/**
 * Requests, proxies and look-ups of the lab, traced live on real packets and held against what the servers
 * themselves answered.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestsAndNames } from '../../scripts/lab/scenarios.ts';
import { expectedIn, type Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import { requestSchema } from '../../src/outputs/schema.ts';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { runNathop, type Ended } from '../support/nathop.ts';
import { actualStory, expectedStory, lastOf, lookUpsOf, pathsOf, requestsOf } from './requests.ts';
import { traceLab, UNANSWERED_MS, type TracedLab } from './trace-lab.ts';

const tracing = await traced();
const withRequests = requestsAndNames.filter(({ dials }) => dials.some(({ http }) => http !== undefined));
const titleOf = ({ row, id, title }: Scenario): string => `${row} ${id}: ${title}`;
const withNames = requestsAndNames.filter(({ dials }) => dials.some(({ http }) => http === undefined));

tracing('requests through proxies, and names, traced live', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let run: TracedLab;
    let replayed: Ended;

    beforeAll(async () => {
      run = await traceLab({ mode, prefix: 'nr-' }, requestsAndNames, { settleMs: UNANSWERED_MS });
      replayed = await runNathop(['replay', '-o', 'json', run.recording]);
    });
    afterAll(() => {
      rmSync(run.folder, { recursive: true, force: true });
    });

    const lastsOf = (scenario: Scenario): ReturnType<typeof lastOf> => {
      const result = run.results.find((one) => one.scenario === scenario);
      if (result === undefined) throw new Error(`${scenario.id} was not run`);
      return lastOf(result);
    };

    for (const scenario of withRequests)
      it(titleOf(scenario), () => {
        for (const { dial, attempt } of lastsOf(scenario)) {
          const told = requestsOf(run.requests, { lab: run.lab, dial }, attempt.from);
          expect(told.map(({ http }) => http?.path)).toEqual(
            dial.http?.requests.map((ask) => pathsOf(dial, ask).find((path) => path !== undefined)),
          );
          for (const [index, request] of told.entries()) {
            const actual = actualStory(request);
            expect(actual).toEqual(expectedStory({ lab: run.lab, dial, attempt }, index, actual));
          }
        }
      });

    for (const scenario of withNames)
      it(titleOf(scenario), () => {
        for (const { dial, attempt } of lastsOf(scenario)) {
          const want = expectedIn(dial, mode);
          const lookUps = lookUpsOf(run.requests, { lab: run.lab, dial }, attempt);
          for (const [index, wanted] of (dial.lookUp?.expect ?? []).entries()) {
            const [told] = lookUps[index] ?? [];
            expect(told?.dns).toMatchObject({
              name: wanted.name,
              ...(wanted.rcode && { rcode: wanted.rcode }),
            });
            expect(told?.dns?.answers).toEqual(wanted.answers);
            if (wanted.server !== undefined) expect(told?.server?.name).toBe(run.lab.prefix + wanted.server);
          }
          const [request] =
            want.outcome === 'unresolved'
              ? (lookUps.at(-1) ?? [])
              : requestsOf(run.requests, { lab: run.lab, dial }, attempt.from);
          expect(request?.failure?.kind).toBe(want.failure);
          if (want.outcome === 'unresolved') continue;
          checkDial(request, dial, want);
          if (dial.lookUp !== undefined) {
            const { name } = dial.lookUp.expect.at(-1) ?? {};
            expect(request?.dns).toMatchObject({ name, answers: [dial.to.ip] });
            expect(request?.dns?.id).toBe(lookUps.at(-1)?.[0]?.id);
            expect((request?.dns?.tried ?? []).map((one) => one.name)).toEqual(
              dial.lookUp.expect.slice(0, -1).map((one) => one.name),
            );
          }
          for (const { type, rcode, answers } of want.queries ?? [])
            if (type === (request?.dns?.type ?? 'A')) expect(request?.dns).toMatchObject({ rcode, answers });
        }
      });

    it('tells each in the shape of its schema, and each once', () => {
      for (const request of run.requests) expect(requestSchema.safeParse(request).error).toBeUndefined();
      const ids = run.requests.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('shows no leg of a proxy as a request of its own', () => {
      const proxies = ['ingress-nginx-1', 'lb'].map((name) => run.lab.prefix + name);
      const alone = run.requests.filter(
        ({ hops, protocol }) => protocol === 'tcp' && proxies.includes(hops[0]?.netns?.name ?? ''),
      );
      expect(alone.map(({ client, dialled }) => ({ client, dialled }))).toEqual([]);
    });

    it('ends by Ctrl-C with status 0, having lost nothing', () => {
      expect(run.ended).toMatchObject({ status: 0, signal: undefined });
      expect(run.ended.stderr).toMatch(/^nathop: \d+ requests, \d+ open, 0 events lost$/m);
    });

    it('replays its recording byte for byte', () => {
      expect(replayed.status).toBe(0);
      expect(replayed.stdout).toBe(run.ended.stdout);
    });
  });
});

function checkDial(
  request: Request | undefined,
  { to }: Scenario['dials'][number],
  want: ReturnType<typeof expectedIn>,
): void {
  expect(request?.dialled).toMatchObject(to);
  expect(want.states).toContain(request?.state);
  expect(request?.sourceSeenByServer?.ip).toBe(want.sourceSeen);
  expect(request?.clientIp.verdict).toBe(want.verdict ?? request?.clientIp.verdict);
}
