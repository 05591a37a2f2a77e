/** No false alarms on real packets: a soak of ordinary traffic raises none. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODES } from '../../scripts/lab/topology.ts';
import { score } from '../../scripts/score/score.ts';
import { traced } from '../support/live.ts';
import { isOfScan, labelsOfSoak, soak, type Soak } from './soak.ts';

const tracing = await traced();
const SECONDS = 12;

tracing('ordinary traffic, traced live', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let run: Soak;
    beforeAll(async () => {
      run = await soak({ mode, prefix: 'no-' }, SECONDS);
    });
    afterAll(() => {
      rmSync(run.folder, { recursive: true, force: true });
    });

    it('raises no alarm, but for the closed ports that a scan found', () => {
      expect(score(run.requests, labelsOfSoak(run.requests)).mistakes).toEqual([]);
      expect(run.requests.filter(isOfScan).every(({ state }) => state === 'refused')).toBe(true);
      const failed = run.requests.filter(({ state }) => !['closed', 'established', 'open'].includes(state));
      expect(failed.filter((request) => !isOfScan(request))).toEqual([]);
    });

    it('is told whole', () => {
      const plays = Object.values(run.played).reduce((total, count) => total + count, 0);
      expect(Object.keys(run.played)).toHaveLength(19);
      expect(run.requests.length).toBeGreaterThan(plays);
      expect(run.ended.stderr).toMatch(/, 0 events lost$/m);
    });
  });
});
