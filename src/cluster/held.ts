/** A stretch of time in which somebody had something that one alone can have. */
export interface Held<T> {
  readonly who: T;
  readonly since: number;
  readonly until: number;
}

/**
 * Who had it. What nobody has is still its last holder's, since stale entries lead there; what somebody is told to have
 * within `lateNs` from then was most likely theirs already. Where both may be, nothing says whose it was: `ambiguous`.
 */
export function holderAt<T>(
  stretches: Iterable<Held<T>>,
  time: number,
  lateNs: number,
): T | 'ambiguous' | undefined {
  let holder: Held<T> | undefined;
  let last: Held<T> | undefined;
  let next: Held<T> | undefined;
  for (const held of stretches) {
    if (held.since > time) {
      if (held.since - time <= lateNs && (!next || held.since < next.since)) next = held;
    } else if (held.until > time) {
      if (!holder || held.since > holder.since) holder = held;
    } else if (!last || held.until > last.until) last = held;
  }
  if (holder) return holder.who;
  return last && next ? 'ambiguous' : (last ?? next)?.who;
}
