/** The kernels that the tests run on: Debian's, each with the programs of its own release. */

export const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;
export type Suite = (typeof SUITES)[number];

/**
 * Kernels from 6.12 on make use of an instruction that QEMU 7.2 emulates wrongly; without it they boot, and
 * the older ones do not miss it.
 */
export const CPU = 'Haswell-noTSX,-cx16';
