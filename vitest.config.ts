import { defineConfig } from 'vitest/config';

/** Tests that trace this machine: each wants all of it, so they come one by one, after the others. */
const LIVE = 'test/live/**/*.test.ts';
const VM = 'test/vm/**/*.test.ts';
/** Tests in virtual machines take minutes each. Where nobody names kernels, as `npm run test:vm` does, one is enough. */
const inGuests = process.env['NATHOP_VM'] === undefined ? 'test/vm/ipvs.test.ts' : VM;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [LIVE, VM],
          testTimeout: 20_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'live',
          include: [LIVE],
          globalSetup: ['test/live/build.ts'],
          setupFiles: ['test/support/ends-with-vitest.ts'],
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'vm',
          include: [inGuests],
          globalSetup: ['test/live/build.ts'],
          setupFiles: ['test/support/ends-with-vitest.ts'],
          fileParallelism: false,
          testTimeout: 30_000,
          // Longer than any guest may take and its image besides: a guest that is ended says what it said last.
          hookTimeout: 3_000_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
