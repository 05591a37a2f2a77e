/** Every cause of a loss, on real packets and real rules: what decides it, the rule that marked, and what would keep it. */
import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Program } from '../../scripts/lab/network.ts';
import { BACKEND_B } from '../../scripts/lab/scenarios/common.ts';
import type { Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES, type Mode } from '../../scripts/lab/topology.ts';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { CASES, check, everything, settings, UNDER_ALL } from './causes.ts';
import { Attribution, traceLab } from './trace-lab.ts';

const tracing = await traced();
const PREFIX = 'nu-';

/** The request of each scenario's last dial. */
async function trace(
  mode: Mode,
  changes: readonly Program[],
  scenarios: readonly Scenario[],
): Promise<ReadonlyMap<Scenario, Request>> {
  const run = await traceLab({ mode, prefix: PREFIX, changes }, scenarios);
  rmSync(run.folder, { recursive: true, force: true });
  const attribution = new Attribution(run);
  return new Map(
    run.results.flatMap(({ scenario, dials }) =>
      dials.map(({ last }) => [scenario, attribution.of(last)] as const),
    ),
  );
}

tracing('every cause of a loss', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let requests: ReadonlyMap<Scenario, Request>;
    let underAll: ReadonlyMap<Scenario, Request>;

    beforeAll(async () => {
      const scenarios = [...CASES, UNDER_ALL].map(({ scenario }) => scenario);
      requests = await trace(mode, settings(mode), scenarios);
      underAll = await trace(mode, everything(mode), [UNDER_ALL.scenario]);
    });

    it.each(CASES)('$title: $cause', (one) => check(one, mode, requests.get(one.scenario), PREFIX));

    it(`${UNDER_ALL.title}: masquerade-all, and kept without it, as foretold`, () => {
      const request = underAll.get(UNDER_ALL.scenario);
      check(UNDER_ALL, mode, request, PREFIX);
      const foretold = request?.clientIp.remedies[0]?.whatIf;
      expect(foretold).toMatchObject({ outcome: 'delivered', clientIp: 'preserved', servers: [BACKEND_B] });
      expect(requests.get(UNDER_ALL.scenario)?.clientIp.verdict).toBe('preserved');
    });
  });
});
