/**
 * What must be undone on every way out. Steps run once, last added first; each is tried whatever became of
 * the others.
 */
type Step = () => void | Promise<void>;

const steps = new Set<Step>();

/** @returns takes the step back: it was done, or is no longer needed */
export function onWayOut(step: Step): () => void {
  steps.add(step);
  return () => steps.delete(step);
}

export async function cleanUp(): Promise<void> {
  const failures: unknown[] = [];
  for (const step of [...steps].reverse()) {
    steps.delete(step);
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'clean-up failed');
}

/** All that can be done without waiting; for a second signal and for `exit`. */
export function cleanUpNow(): void {
  for (const step of [...steps].reverse()) {
    steps.delete(step);
    try {
      void Promise.resolve(step()).catch(() => undefined);
    } catch {
      // Nobody is left to tell.
    }
  }
}
