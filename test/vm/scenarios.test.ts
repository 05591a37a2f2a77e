/** The lab's scenarios on Debian's kernels: traced in a guest, asserted here, and replayed here to the same bytes. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { MODES } from '../../scripts/lab/topology.ts';
import type { Answer } from '../../scripts/vm/machine.ts';
import { checkScenarios } from '../live/scenario-checks.ts';
import { emulated, Guests, releases } from './guests.ts';
import { readTraced, toldOn } from './traced.ts';

const inGuests = await emulated();
const SECONDS = 1_800;

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
      checkScenarios(toldOn(release, mode), () => readTraced(join(answer.folder, mode)));
    });
  });
});
