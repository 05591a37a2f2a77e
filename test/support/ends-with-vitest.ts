/**
 * vitest's main process does not end its workers where it is ended itself, and they would go on: with tests that take the
 * whole machine, or wait for a guest.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
