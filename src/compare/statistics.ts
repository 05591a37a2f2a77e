/** Whether two sets of numbers differ by more than chance would have it. */

export interface Spread {
  readonly count: number;
  readonly median: number;
  /** Half of all lie between these. */
  readonly quarter: number;
  readonly threeQuarters: number;
  readonly p95: number;
}

/** @param sorted ascending; not empty */
export function spreadOf(sorted: readonly number[]): Spread {
  const at = (share: number): number => quantile(sorted, share);
  return { count: sorted.length, median: at(0.5), quarter: at(0.25), threeQuarters: at(0.75), p95: at(0.95) };
}

/** Between two neighbours in proportion to how near it lies. */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/**
 * Mann-Whitney's U, as its distance from what chance would give in standard deviations: positive where `after` is
 * larger. Times have long tails, so their ranks are compared and not their means.
 */
export function rankDistance(before: readonly number[], after: readonly number[]): number {
  const n = before.length;
  const m = after.length;
  const all = [...before.map((value) => ({ value, late: 0 })), ...after.map((value) => ({ value, late: 1 }))];
  all.sort((a, b) => a.value - b.value);
  let ranks = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    let late = 0;
    while (to < all.length && all[to]?.value === all[from]?.value) late += all[to++]?.late ?? 0;
    // Equal values share the mean of their ranks.
    ranks += late * ((from + 1 + to) / 2);
    ties += (to - from) ** 3 - (to - from);
    from = to;
  }
  const u = ranks - (m * (m + 1)) / 2;
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  return variance <= 0 ? 0 : (u - (n * m) / 2) / Math.sqrt(variance);
}

/**
 * Fisher's exact test, both sides: how likely shares this far apart are if both were drawn alike, of `a` among `n`
 * and of `b` among `m`.
 */
export function chanceOf(a: number, n: number, b: number, m: number): number {
  const hits = a + b;
  const logProbability = (k: number): number =>
    logChoose(n, k) + logChoose(m, hits - k) - logChoose(n + m, hits);
  const observed = logProbability(a) + 1e-9;
  let sum = 0;
  for (let k = Math.max(0, hits - m); k <= Math.min(n, hits); k++) {
    const log = logProbability(k);
    if (log <= observed) sum += Math.exp(log);
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

const logFactorials = [0];

function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++)
    logFactorials.push((logFactorials[i - 1] ?? 0) + Math.log(i));
  return logFactorials[n] ?? NaN;
}
