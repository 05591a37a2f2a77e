import { checkCapture } from './machine/capture.ts';
import type { Check } from './machine/check.ts';
import { checkKernel } from './machine/kernel.ts';
import type { Places } from './kube/kubeconfig.ts';
import { checkNodes } from './machine/nodes.ts';
import { checkPrivileges } from './machine/privileges.ts';
import { checkTools } from './machine/tools.ts';

export type { Check } from './machine/check.ts';

/** Where the programs are that run beside us. */
export interface Installed {
  /** Folder of the bpftrace programs. */
  readonly probesFolder: string;
  /** The process that captures message heads, as it was built. */
  readonly captureChild: string;
}

/** What this machine offers to a trace, and what it lacks; changes nothing on it. */
export async function checkMachine(
  { probesFolder, captureChild }: Installed,
  places: Places,
): Promise<Check[]> {
  // It is large, and takes long to load.
  const { checkKube } = await import('./machine/kube.ts');
  const groups = await Promise.all([
    checkPrivileges(),
    checkKernel(probesFolder),
    checkTools(),
    checkCapture(captureChild),
    checkNodes(),
    checkKube(places),
  ]);
  return groups.flat();
}
