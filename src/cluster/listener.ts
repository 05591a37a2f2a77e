import type { ListenerFact, ProcessRef } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';

/** Who takes what is sent to this destination: the socket bound to the address, else one bound to any. */
export function findListener(listeners: readonly ListenerFact[], tuple: Tuple): ProcessRef | undefined {
  const any = tuple.dst.includes(':') ? ['*'] : ['0.0.0.0', '*'];
  const takers = listeners.filter(
    ({ protocol, port }) => protocol === tuple.protocol && port === tuple.dport,
  );
  for (const ip of [tuple.dst, ...any]) {
    const taker = takers.find((listener) => listener.ip === ip);
    if (taker) return taker.process;
  }
  return undefined;
}
