/** The clock that all live events carry: CLOCK_MONOTONIC in nanoseconds, as bpf_ktime_get_ns gives it. */
export const monotonicNow = (): number => Number(process.hrtime.bigint());

/** One instant by both clocks. */
export interface Clocks {
  readonly monotonicNs: number;
  readonly wallNs: string;
}

export function readClocks(): Clocks {
  const wallUs = Math.round((performance.timeOrigin + performance.now()) * 1_000);
  return { monotonicNs: monotonicNow(), wallNs: String(BigInt(wallUs) * 1_000n) };
}
