/** A lab that goes with the tests that made it, however they end. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { startLab, type Lab, type StartOptions } from '../../scripts/lab/lab.ts';

const LAB = fileURLToPath(new URL('../../scripts/lab/main.ts', import.meta.url));

/** As `startLab`; where this process ends without taking it down (Ctrl-C, a kill, a crash), another does. */
export async function startTestLab(options: StartOptions): Promise<Lab> {
  // A session of its own: Ctrl-C, which ends us, is not for it. It waits until the pipe that we hold is closed.
  const keeper = execa(
    process.execPath,
    ['--import', 'tsx', LAB, 'down', '--when-left', '--prefix', options.prefix],
    { stdin: 'pipe', stdout: 'ignore', stderr: 'ignore', detached: true, reject: false },
  );
  const dismiss = async (): Promise<void> => {
    keeper.kill();
    await keeper;
  };
  try {
    const lab = await startLab(options);
    return {
      ...lab,
      down: async () => {
        await lab.down();
        await dismiss();
      },
    };
  } catch (error) {
    await dismiss();
    throw error;
  }
}
