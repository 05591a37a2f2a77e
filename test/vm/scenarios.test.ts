/** The lab's scenarios on Debian's kernels: traced in a guest, asserted here, and replayed here to the same bytes. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../../scripts/lab/scenarios.ts';
import { expectedIn, type Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES, type Mode } from '../../scripts/lab/topology.ts';
import type { Suite } from '../../scripts/vm/suites.ts';
import { checkScenarios } from '../live/scenario-checks.ts';
import type { Answer } from '../../scripts/vm/machine.ts';
import { Attribution, type TracedLab } from '../live/trace-lab.ts';
import { emulated, Guests, releases } from './guests.ts';
import { readTraced } from './traced.ts';

const inGuests = await emulated();
const SECONDS = 1_800;

/** Since 5.17 (kfree_skb_reason). */
const givesDropReasons = (release: Suite): boolean => release !== 'bullseye';
const isDropped = ({ dials }: Scenario, mode: Mode): boolean =>
  dials.some((dial) => expectedIn(dial, mode).refusal?.kind === 'drop');

inGuests('the scenarios, traced in guests', () => {
  const guests = new Guests();
  afterAll(() => guests.remove());

  describe.each(releases)('on %s', (release) => {
    let answer: Answer;
    beforeAll(async () => {
      const command = `traced-lab ${MODES.join(' ')} -- --probes tracepoint --no-l7`;
      answer = await guests.run(release, { command, seconds: SECONDS });
    });

    describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
      const trace = (): Promise<TracedLab> => readTraced(join(answer.folder, mode));
      if (givesDropReasons(release)) {
        checkScenarios(scenarios, trace);
      } else {
        const dropped = scenarios.filter((scenario) => isDropped(scenario, mode));
        checkScenarios(
          scenarios.filter((scenario) => !dropped.includes(scenario)),
          trace,
        );
        it.each(dropped)(
          '$row $id is told as unanswered: the kernel gives no reason for a drop',
          async ({ id }) => {
            const run = await trace();
            const attempts = run.results
              .find(({ scenario }) => scenario.id === id)
              ?.dials.map(({ last }) => last);
            const attribution = new Attribution(run);
            const requests = attempts?.map((attempt) => attribution.of(attempt)) ?? [];
            expect(requests).not.toEqual([]);
            for (const { state, failure, hops } of requests) {
              expect({ state, failure: failure?.kind }).toEqual({
                state: 'unanswered',
                failure: 'unanswered',
              });
              expect(hops.map(({ kind }) => kind)).not.toContain('drop');
            }
          },
        );
      }
    });
  });
});
