/** The file that tells a script that everything is attached. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { reasonOf, UsageError } from '../events/errors.ts';
import { onWayOut } from './cleanup.ts';

/** One that a killed run left behind would say ready too early. */
export function clearReadyFile(path: string): void {
  attempt(path, () => {
    rmSync(path, { force: true });
  });
}

/** Appears whole, holding our pid. @returns removes it, which is also done when the process ends otherwise */
export function makeReadyFile(path: string): () => void {
  const draft = `${path}.${String(process.pid)}`;
  attempt(path, () => {
    writeFileSync(draft, `${String(process.pid)}\n`, { flag: 'wx' });
    renameSync(draft, path);
  });
  const remove = (): void => {
    rmSync(path, { force: true });
  };
  const done = onWayOut(remove);
  return () => {
    done();
    remove();
  };
}

function attempt(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new UsageError(
      `the ready file ${path} cannot be made: ${reasonOf(error)}`,
      'give a path that can be written',
      {
        cause: error,
      },
    );
  }
}
