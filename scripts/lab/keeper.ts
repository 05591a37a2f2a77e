/** What stands under a prefix goes with the process that made it, however that ends. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const LAB = fileURLToPath(new URL('main.ts', import.meta.url));

/** Where this process ends without taking down what it started (a kill, a crash), another does. */
export async function kept<T extends { down(): Promise<void> }>(
  prefix: string,
  start: () => Promise<T>,
): Promise<T> {
  // A session of its own: Ctrl-C, which ends us, is not for it. It waits until the pipe that we hold is closed.
  const keeper = execa(
    process.execPath,
    ['--import', 'tsx', LAB, 'down', '--when-left', '--prefix', prefix],
    { stdin: 'pipe', stdout: 'ignore', stderr: 'ignore', detached: true, reject: false },
  );
  const dismiss = async (): Promise<void> => {
    keeper.kill();
    await keeper;
  };
  try {
    const standing = await start();
    return {
      ...standing,
      down: async () => {
        await standing.down();
        await dismiss();
      },
    };
  } catch (error) {
    await dismiss();
    throw error;
  }
}
