/** What must be true of a traced round of the lab's scenarios, whichever machine it was traced on. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectedIn, type Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import type { RecordingHeader } from '../../src/events/recording.ts';
import { requestSchema } from '../../src/outputs/schema.ts';
import type { Request } from '../../src/trace/request.ts';
import { runNathop, type Ended } from '../support/nathop.ts';
import { headerOf } from '../support/recording.ts';
import { storyOf, tell, whoIs, type Case } from './story.ts';
import { Attribution, type TracedLab } from './trace-lab.ts';

/** A test for each scenario, and for what holds of all. */
export function checkScenarios(scenarios: readonly Scenario[], trace: () => Promise<TracedLab>): void {
  let run: TracedLab;
  let attribution: Attribution;
  let replayed: Ended;
  let probes: RecordingHeader['probes'];

  beforeAll(async () => {
    run = await trace();
    ({ probes } = headerOf(run.recording));
    attribution = new Attribution(run);
    replayed = await runNathop(['replay', '-o', 'json', run.recording]);
  });
  afterAll(() => {
    rmSync(run.folder, { recursive: true, force: true });
  });

  it.each(scenarios)('$row $id: $title', (scenario) => {
    const result = run.results.find((one) => one.scenario === scenario);
    for (const { dial, attempts, last } of result?.dials ?? []) {
      for (const attempt of attempts) checkAny(attribution.of(attempt));
      checkLast({ lab: run.lab, scenario, dial, attempt: last, actual: attribution.of(last), probes });
    }
  });

  it('shows nothing that no scenario made', () => {
    expect(attribution.left).toEqual([]);
  });

  it('gives each request an id of its own', () => {
    const ids = run.requests.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('ends by Ctrl-C with status 0, having lost nothing', () => {
    expect(run.ended.status).toBe(0);
    expect(run.ended.signal).toBeUndefined();
    expect(run.ended.stderr).toMatch(/^nathop: \d+ requests, \d+ open, 0 events lost$/m);
  });

  it('replays its recording byte for byte', () => {
    expect(replayed.status).toBe(0);
    expect(replayed.stdout).toBe(run.ended.stdout);
  });
}

/** What holds of every request of the lab, also of those that met another backend than was wanted. */
export function checkAny(request: Request): void {
  expect(requestSchema.safeParse(request).error).toBeUndefined();
  expect(request).toMatchObject({ inferred: [], lostEvents: 0 });
  checkFailure(request);
  for (const hops of [request.hops, request.replyHops]) {
    for (const [index, { before }] of hops.entries()) {
      const previous = hops[index - 1];
      if (previous !== undefined)
        expect(before, `hop ${index} goes on from hop ${index - 1}`).toEqual(previous.after);
    }
    const times = hops.map(({ atMs }) => atMs ?? Number.NaN);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }
}

/** Of any failure: what speaks for it, and what comes next. */
function checkFailure({ failure }: Request): void {
  if (failure === undefined) return;
  expect(failure.reason).not.toBe('');
  expect(failure.evidence).not.toEqual([]);
  expect(failure.next).toMatch(/\w/);
  expect(failure.atHop).toBeDefined();
}

export function checkLast(one: Case): void {
  const { actual, attempt, dial, lab } = one;
  const want = expectedIn(dial, lab.mode);
  const story = storyOf(one);

  expect(actual.hops.map(tell)).toEqual(story.hops);
  expect(actual.replyHops.map(tell)).toEqual(story.replyHops);
  expect(want.states).toContain(actual.state);
  expect(actual.startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const { port } = attempt.from;
  const isIcmp = dial.protocol === 'icmp';
  expect(actual.client).toEqual({
    ip: attempt.from.ip,
    ...(!isIcmp && { port }),
    ...whoIs(lab.prefix, dial.from),
  });
  const service = want.rewrites.find((rewrite) => rewrite.service !== undefined)?.service;
  if (service !== undefined) {
    const [name, portName] = service.split(':');
    expect(actual.dialled).toEqual({ ...dial.to, kind: 'service', name, portName });
  }
  expect(actual.server).toEqual(
    story.server && {
      ip: story.server.ip,
      ...(story.server.port !== undefined && { port: story.server.port }),
      ...whoIs(lab.prefix, story.server.netns),
    },
  );
  expect(actual.sourceSeenByServer?.ip).toBe(want.sourceSeen ?? actual.sourceSeenByServer?.ip);
  if (attempt.peer !== undefined) expect(actual.sourceSeenByServer).toMatchObject(attempt.peer);
  expect(actual.clientIp).toMatchObject({
    verdict: want.verdict ?? (story.lostAtHop === undefined ? 'unknown' : 'lost'),
    ...(want.cause !== undefined && { cause: want.cause }),
  });
  expect(actual.clientIp.lostAtHop).toBe(story.lostAtHop);
  expect(actual.failure?.kind).toBe(want.failure ?? actual.failure?.kind);
  expect(actual.failure?.atHop).toBe(story.failedAt);
  expect(actual.failure === undefined).toBe(want.outcome === 'answered');
}
