/** The kernels that the tests run on: Debian's, with the programs of the same release where those will do. */

export const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;
export type Suite = (typeof SUITES)[number];

/** Bullseye's own bpftrace is older than nathop can use; who runs its kernel has a newer one. */
export const programsOf = (kernel: Suite): Suite => (kernel === 'bullseye' ? 'trixie' : kernel);

/** Without what QEMU does not emulate. */
export const CPU = 'Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid';

/**
 * Kernels from 6.12 on make use of cmpxchg16b (CPU feature 4 * 32 + 13), which QEMU 7.2 does not emulate as they need
 * it. HAProxy cannot do without: the CPU has it, and the kernel is told to leave it alone. On a busy machine the emulated
 * timer comes too late for the kernel's check of it, which is a panic.
 */
export const KERNEL_OPTIONS = 'clearcpuid=141 no_timer_check';
