/** Endless gentle traffic for the live demo. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab, RunResult } from './lab.ts';
import { allScenarios } from './scenarios.ts';

const BETWEEN_SCENARIOS_MS = 250;
const BETWEEN_ROUNDS_MS = 3000;

export async function traffic(
  lab: Lab,
  signal: AbortSignal,
  onRun?: (result: RunResult) => void,
): Promise<void> {
  try {
    for (;;) {
      for (const scenario of allScenarios) {
        const result = await lab.run(scenario, signal);
        onRun?.(result);
        await sleep(BETWEEN_SCENARIOS_MS, undefined, { signal });
      }
      await sleep(BETWEEN_ROUNDS_MS, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
