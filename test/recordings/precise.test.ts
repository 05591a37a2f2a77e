/**
 * What the precise set told in virtual machines. On a 6.12 kernel with bpftrace 0.23: the lab's scenarios, and those that
 * IPVS serves. On a 7.2 kernel with bpftrace 0.27: a client dials a Service behind a
 * router, a redirected port, one whose packets are dropped and one whose are rejected; then the router dials the Service.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MODES } from '../../scripts/lab/topology.ts';
import type { Hop, Request } from '../../src/trace/request.ts';
import { checkSeenByKernel } from '../support/kernel-rules.ts';

const requestsOf = (name: string): Request[] =>
  readFileSync(new URL(`precise-${name}.jsonl`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Request);
const told = (mode: string): string[][] =>
  requestsOf(mode).map(({ hops }) => hops.filter(isAct).map(wordsOf));

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

it.each(MODES)("knows hook and rule of all the lab's scenarios in %s mode from the kernel", (mode) => {
  checkSeenByKernel(requestsOf(`lab-${mode}`));
});

it('sees IPVS choose a server in INPUT, and in OUTPUT for a process of the node', () => {
  const dnats = requestsOf('ipvs').flatMap(({ hops }) => hops.filter(({ kind }) => kind === 'dnat'));
  expect(dnats).toHaveLength(5);
  for (const { rule, hookObserved } of dnats) expect([rule?.table, hookObserved]).toEqual(['ipvs', true]);
  expect(new Set(dnats.map(({ hook }) => hook))).toEqual(new Set(['INPUT', 'OUTPUT']));
});
