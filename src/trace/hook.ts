import type { Hook } from './request.ts';

/** The caller of nf_hook_slow (or of the hook that was inlined into it) is the place in the stack. */
const CALLERS: ReadonlyMap<string, Hook> = new Map([
  ['ip_rcv', 'PREROUTING'],
  ['ipv6_rcv', 'PREROUTING'],
  ['ip_sabotage_in', 'PREROUTING'],
  ['br_nf_pre_routing', 'PREROUTING'],
  ['ip_local_deliver', 'INPUT'],
  ['ip6_input', 'INPUT'],
  ['ip_forward', 'FORWARD'],
  ['ip6_forward', 'FORWARD'],
  ['br_nf_forward_ip', 'FORWARD'],
  ['br_nf_forward', 'FORWARD'],
  ['__ip_local_out', 'OUTPUT'],
  ['ip_local_out', 'OUTPUT'],
  ['__ip6_local_out', 'OUTPUT'],
  ['ip6_local_out', 'OUTPUT'],
  ['ip6_xmit', 'OUTPUT'],
  ['ip_output', 'POSTROUTING'],
  ['ip6_output', 'POSTROUTING'],
  ['ip_mc_output', 'POSTROUTING'],
  ['br_nf_post_routing', 'POSTROUTING'],
]);

const RUNNERS: ReadonlySet<string> = new Set([
  'nf_hook_slow',
  'nf_hook_slow_list',
  'nf_hook',
  'nf_hook.constprop.0',
]);

/** @param stack return addresses, innermost first @returns undefined where no netfilter hook is on it */
export function hookOfStack(stack: readonly string[], location: string): Hook | undefined {
  const inHook = RUNNERS.has(location) || location.startsWith('nft_') || stack.some((f) => RUNNERS.has(f));
  if (!inHook) return undefined;
  const runner = stack.findIndex((frame) => RUNNERS.has(frame));
  for (const frame of stack.slice(runner + 1)) {
    const hook = CALLERS.get(frame);
    if (hook !== undefined) return hook;
  }
  return undefined;
}
