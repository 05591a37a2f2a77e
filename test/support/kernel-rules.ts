import { expect } from 'vitest';
import type { Hop, Request, Rule } from '../../src/trace/request.ts';

const REWRITES: ReadonlySet<Hop['kind']> = new Set(['dnat', 'snat', 'masquerade', 'redirect']);

/**
 * Of each rewrite there the kernel told the hook, and the rule where it comes by something of it: iptables' comment, or
 * a chain that the packet was sent on to. @param chains whether this kernel tells them
 */
export function checkSeenByKernel(requests: readonly Request[], { chains } = { chains: true }): void {
  const isTold = (rule: Rule | undefined): boolean =>
    rule !== undefined && (rule.text.includes('--comment') || (chains && rule.via.length > 0));
  const done = requests.flatMap(({ hops }) => hops.filter(({ kind }) => REWRITES.has(kind)));
  expect(done.length).toBeGreaterThan(50);
  for (const { hookObserved, rule } of done) {
    expect(hookObserved, rule?.text).toBe(true);
    if (isTold(rule)) expect(rule?.source, rule?.text).toBe('kernel');
    else expect(rule?.source, rule?.text).not.toBe('kernel');
  }
}
