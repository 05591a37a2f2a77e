/** What this kernel offers to the probes, looked up. */
import { NO_REASONS } from './drop-places.ts';
import { findFunctions } from './functions.ts';
import { parseDropReasons, TRACEPOINTS } from './program.ts';
import type { Offer } from './program.ts';
import type { Tracefs } from './tracefs.ts';

/** @param precise whether the kernel's functions are of interest */
export async function readOffer(tracefs: Tracefs, precise: boolean): Promise<Offer> {
  // It takes a moment: the rest is looked up meanwhile.
  const finding = precise ? findFunctions(tracefs) : undefined;
  const present = new Set<string>();
  for (const tracepoint of TRACEPOINTS) if (await tracefs.hasEvent(tracepoint)) present.add(tracepoint);
  const dropReasons = present.has('skb/kfree_skb')
    ? parseDropReasons(await tracefs.eventFormat('skb/kfree_skb'))
    : NO_REASONS;
  const functions = await finding;
  return { has: (tracepoint) => present.has(tracepoint), dropReasons, ...(functions && { functions }) };
}
