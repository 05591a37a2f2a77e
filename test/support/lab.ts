import { kept } from '../../scripts/lab/keeper.ts';
import { startLab, type Lab, type StartOptions } from '../../scripts/lab/lab.ts';

/** A lab that goes with the tests that made it, however they end. */
export const startTestLab = (options: StartOptions): Promise<Lab> =>
  kept(options.prefix, () => startLab(options));
