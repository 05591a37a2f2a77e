/** Where this machine's apt gets Debian from: the guests are made of the same archive. */
import { FailedError } from '../../src/events/errors.ts';
import { run } from '../lab/run.ts';

/** @throws FailedError where apt knows no archive of Debian's */
export async function debianMirror(): Promise<string> {
  const targets = await run('apt-get', [
    'indextargets',
    ...['--format', '$(LABEL)|$(COMPONENT)|$(REPO_URI)'],
    'Created-By: Packages',
  ]);
  const [, , uri] =
    targets
      .split('\n')
      .map((line) => line.split('|'))
      .find(([label, component]) => label === 'Debian' && component === 'main') ?? [];
  if (uri !== undefined) return uri;
  throw new FailedError(
    "this machine's apt knows no archive of Debian's",
    'name one in /etc/apt/sources.list.d and run `apt-get update`.',
  );
}
