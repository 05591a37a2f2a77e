import { checkCapture } from './machine/capture.ts';
import type { Check } from './machine/check.ts';
import { checkKernel } from './machine/kernel.ts';
import { checkNodes } from './machine/nodes.ts';
import { checkPrivileges } from './machine/privileges.ts';
import { checkTools } from './machine/tools.ts';

export type { Check } from './machine/check.ts';

/**
 * What this machine offers to a trace, and what it lacks; changes nothing on it.
 * @param captureChild path of the bundled capture child
 */
export async function checkMachine(captureChild: string): Promise<Check[]> {
  const groups = await Promise.all([
    checkPrivileges(),
    checkKernel(),
    checkTools(),
    checkCapture(captureChild),
    checkNodes(),
  ]);
  return groups.flat();
}
