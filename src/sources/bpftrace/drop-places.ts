/**
 * Drops for which the kernel gives no reason, though the function that drops means one. Everywhere else NOT_SPECIFIED is
 * mostly harmless, and too frequent to be said.
 */
import { readFile } from 'node:fs/promises';

export const UNSPECIFIED = 'NOT_SPECIFIED';
/** Functions that free packets for one reason alone, which newer kernels give (5.18). */
const REASONS: Readonly<Record<string, string>> = { nf_hook_slow: 'NETFILTER_DROP' };
/** The reasons of a kernel whose kfree_skb gives none (before 5.17). */
export const NO_REASONS: ReadonlyMap<number, string> = new Map([[0, UNSPECIFIED]]);

/** As many as probes/drops.bt has parameters for. */
const PLACES = [
  // No way on, or none allowed: a route of type unreachable, prohibit or blackhole, or no route at all (net/ipv4/route.c).
  'ip_error',
  // A bridge that may not send a packet back by the port it came in by: hairpin mode is off (net/bridge/br_input.c).
  'br_handle_frame_finish',
  // A bridge port whose MTU is smaller than the packet (net/bridge/br_forward.c, br_netfilter_hooks.c).
  'br_dev_queue_push_xmit',
  'br_nf_dev_queue_xmit',
  // A hook's verdict, NF_DROP, before 5.18 (net/netfilter/core.c).
  'nf_hook_slow',
] as const;

const isPlace = (location: string, place: string): boolean =>
  location === place || location.startsWith(`${place}.`);

/** @returns what is meant where `location` gave no reason; undefined where nothing is */
export const reasonAt = (location: string): string | undefined =>
  PLACES.some((place) => isPlace(location, place)) ? (REASONS[location] ?? UNSPECIFIED) : undefined;

/**
 * Low 32 bits of where each begins, 0 where it is not known: more would not go through bpftrace's parameters, which are
 * signed.
 * @param symbols text of /proc/kallsyms
 */
export const startsOf = (symbols: string): number[] =>
  PLACES.map((place) => {
    const [, address] =
      new RegExp(`^([0-9a-f]+) [tT] ${place}(?:\\.isra\\.\\d+)?(?:\\t|$)`, 'm').exec(symbols) ?? [];
    return address === undefined ? 0 : Number.parseInt(address.slice(-8), 16);
  });

export async function dropPlaces(): Promise<number[]> {
  const symbols = await readFile('/proc/kallsyms', 'latin1').catch(() => '');
  return startsOf(symbols);
}
