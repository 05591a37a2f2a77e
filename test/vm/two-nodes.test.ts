/** One cluster over two guests (two-machines.ts): their two recordings are merged here, and tell whole ways. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { checkAny, checkLast } from '../live/scenario-checks.ts';
import { Attribution, parseRequests, type TracedLab } from '../live/trace-lab.ts';
import { runNathop } from '../support/nathop.ts';
import { emulated, Guests, releases } from './guests.ts';
import { acrossNodes } from './traced.ts';
import { traceTwice } from './two-machines.ts';

const inGuests = await emulated();

/** Two kernels where two are asked for. */
const [first = 'trixie', second = first] = releases;

inGuests(`a cluster over two machines, ${first} and ${second}`, () => {
  const guests = new Guests();
  let run: TracedLab;
  let requests: readonly Request[];
  let attribution: Attribution;

  beforeAll(async () => {
    const traced = await traceTwice(guests, [first, second]);
    ({ run } = traced);
    const merged = await runNathop(['replay', '-o', 'json', ...traced.recordings]);
    expect(merged.status).toBe(0);
    requests = parseRequests(merged.stdout);
    attribution = new Attribution({ ...run, requests });
  });
  afterAll(() => guests.remove());

  it.each(acrossNodes)('$row $id: $title', (scenario) => {
    const result = run.results.find((one) => one.scenario.id === scenario.id);
    for (const { dial, attempts, last } of result?.dials ?? []) {
      for (const attempt of attempts) checkAny(attribution.of(attempt));
      checkLast({ lab: run.lab, scenario, dial, attempt: last, actual: attribution.of(last) });
    }
  });

  it('ties the two clocks by packets, and says how well', () => {
    const crossed = requests.filter(({ clocks }) => clocks !== undefined);
    expect(crossed.length).toBeGreaterThan(0);
    for (const { clocks = [] } of crossed) {
      expect(clocks).toMatchObject([{ by: 'wall' }, { by: 'packets' }]);
      // An emulated machine takes milliseconds for what a real one does in microseconds; wall clocks are off by more.
      expect(clocks[1]?.uncertaintyMs).toBeLessThan(100);
      expect(clocks[1]?.handshakes).toBeGreaterThan(0);
    }
  });
});
