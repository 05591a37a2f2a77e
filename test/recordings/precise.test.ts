/**
 * What the precise set told on a 7.2 kernel with bpftrace 0.27, in a virtual machine: a client dials a Service behind a
 * router, a redirected port, one whose packets are dropped and one whose are rejected; then the router dials the Service.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Hop, Request } from '../../src/trace/request.ts';

const told = (mode: string): string[][] =>
  readFileSync(new URL(`precise-${mode}.jsonl`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as Request).hops.filter(isAct).map(wordsOf));

const isAct = ({ kind }: Hop): boolean => kind !== 'device' && kind !== 'deliver';
const wordsOf = ({ kind, hook, hookObserved, rule }: Hop): string =>
  [kind, hook, hookObserved === true ? 'seen' : 'concluded', rule?.chain, rule?.source].join(' ');

it('names hook, kind and rule of iptables as the kernel did them', () => {
  expect(told('iptables')).toEqual([
    ['dnat PREROUTING seen KUBE-SEP-B kernel', 'masquerade POSTROUTING seen KUBE-POSTROUTING kernel'],
    ['redirect PREROUTING seen PREROUTING kernel'],
    ['drop FORWARD seen FORWARD kernel'],
    ['reject FORWARD seen FORWARD kernel'],
    ['dnat OUTPUT seen KUBE-SEP-B kernel'],
  ]);
});

it('names those of nftables by their chains, also by way of verdict maps', () => {
  const endpoint = 'endpoint-BBBBBBBB-default/web/tcp/http__10.77.2.2/8080';
  expect(told('nftables')).toEqual([
    [`dnat PREROUTING seen ${endpoint} kernel`, 'masquerade POSTROUTING seen masquerading kernel'],
    // A base chain is not jumped to: that this rule of it ran, the rules alone tell.
    ['redirect PREROUTING seen nat-prerouting rules'],
    ['drop FORWARD seen bad kernel'],
    ['reject FORWARD seen fw '],
    [`dnat OUTPUT seen ${endpoint} kernel`, 'masquerade POSTROUTING seen masquerading kernel'],
  ]);
});
