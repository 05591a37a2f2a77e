/**
 * The last step. At its exit Node sets terminals back as they were, and aborts where one is gone (ResetStdio in
 * node.cc); then we end by the hang-up itself, as a program does that knows nothing of terminals.
 */
import { isatty } from 'node:tty';

const STDIO = [0, 1, 2];

/** To be called first: a terminal that is gone no longer says that it was one. */
export function rememberTerminals(process: NodeJS.Process): (status: number) => never {
  const terminals = STDIO.filter((fd) => isatty(fd));
  return (status) => {
    if (!terminals.every((fd) => isatty(fd))) {
      // Whoever started us may have it ignored; to have listened and to stop sets it to what it does by itself.
      process.on('SIGHUP', () => undefined).removeAllListeners('SIGHUP');
      process.kill(process.pid, 'SIGHUP');
    }
    process.exit(status);
  };
}
