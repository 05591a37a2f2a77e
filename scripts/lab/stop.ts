const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * The end of the terminal, Ctrl-C and a kill end what waits for the controller's signal, so that what was made is removed
 * first. The status says then which it was.
 */
export function stopOnSignals(): AbortController {
  const stop = new AbortController();
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      process.exitCode = 128 + number;
      stop.abort();
    });
  }
  return stop;
}
