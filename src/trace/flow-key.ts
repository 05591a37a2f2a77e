/**
 * The key under which a connection is found by a tuple its packets had anywhere on the way. Direction does
 * not matter, and neither does the namespace: who looks must tell equal tuples of different namespaces apart.
 */
import type { Tuple } from '../events/tuple.ts';

export function flowKey({ protocol, src, dst, sport, dport }: Tuple): string {
  // The identifier stands on the same side in both directions.
  if (protocol === 'icmp') {
    return src < dst ? `icmp ${src} ${dst} ${String(sport)}` : `icmp ${dst} ${src} ${String(sport)}`;
  }
  const forward = src < dst || (src === dst && sport <= dport);
  return forward
    ? `${protocol} ${src} ${String(sport)} ${dst} ${String(dport)}`
    : `${protocol} ${dst} ${String(dport)} ${src} ${String(sport)}`;
}
