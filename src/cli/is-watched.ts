import type { Context } from './context.ts';

/** A person sits at both ends: the view reads keys, and draws. */
export const isWatched = ({ stdin, stdout }: Context): boolean => stdin.isTTY && stdout.isTTY;
