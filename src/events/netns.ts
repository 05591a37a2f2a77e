import type { NetnsId } from './event.ts';

/**
 * Namespaces of several machines in one stream: inode numbers repeat from machine to machine (the first
 * one is 4026531840 nearly everywhere), so the machine's index stands above the 32 bits of the inode.
 */
const MACHINE = 2 ** 32;

export const qualify = (machine: number, inum: number): NetnsId => machine * MACHINE + inum;
export const inumOf = (netns: NetnsId): number => netns % MACHINE;
export const machineOf = (netns: NetnsId): number => Math.floor(netns / MACHINE);
