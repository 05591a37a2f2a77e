/**
 * A command line that ends with us, however we end. The parent-death signal alone leaves a gap: a process that
 * is started just as we are killed asks for the signal when there is nobody left to send it. So it enters its
 * namespace by way of our own entry in /proc: where that is gone, it does not start.
 *
 * @param netns path of the network namespace to run it in; ours where absent
 * @param flags what else nsenter is to enter
 */
export function tied(
  signal: 'TERM' | 'KILL',
  command: readonly [string, ...string[]],
  { netns, flags = [] }: { netns?: string; flags?: readonly string[] } = {},
): [string, string[]] {
  const us = `/proc/${String(process.pid)}`;
  const where = netns === undefined ? `${us}/ns/net` : `${us}/root${netns}`;
  return ['setpriv', ['--pdeathsig', signal, 'nsenter', `--net=${where}`, ...flags, '--', ...command]];
}
