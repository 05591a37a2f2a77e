/**
 * Every scenario of the lab, traced live on real packets by nathop as users run it, and asserted on its JSON.
 * nathop is started once a mode, records while it prints, and is ended by Ctrl-C.
 */
import { describe } from 'vitest';
import { scenarios } from '../../scripts/lab/scenarios.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import { traced } from '../support/live.ts';
import { checkScenarios } from './scenario-checks.ts';
import { traceLab } from './trace-lab.ts';

const tracing = await traced();

tracing('the scenarios, traced live', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    checkScenarios(scenarios, () => traceLab({ mode, prefix: 'nt-' }, scenarios));
  });
});
