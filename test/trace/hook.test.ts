import { expect, it } from 'vitest';
import { hookOfStack } from '../../src/trace/hook.ts';

it.each([
  [
    'PREROUTING',
    'nft_do_chain',
    ['nft_do_chain_ipv4', 'nf_hook_slow', 'ip_rcv', '__netif_receive_skb_one_core'],
  ],
  ['INPUT', 'nf_hook_slow', ['ip_local_deliver', 'ip_sublist_rcv_finish']],
  ['FORWARD', 'nft_do_chain', ['nf_hook_slow', 'ip6_forward', 'ipv6_rcv']],
  ['OUTPUT', 'nft_do_chain', ['nf_hook_slow', '__ip_local_out', 'ip_output']],
  ['POSTROUTING', 'nf_hook_slow', ['nf_hook.constprop.0', 'ip_output', 'ip_forward']],
  // Callers below the hook's own are of another packet's way.
  [undefined, 'tcp_v4_rcv', ['ip_local_deliver', 'ip_rcv']],
  [undefined, 'nft_do_chain', ['nf_hook_slow', 'unheard_of']],
])('%s is where %s was called from by %j', (hook, location, stack) => {
  expect(hookOfStack(stack, location)).toBe(hook);
});
