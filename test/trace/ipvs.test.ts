import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ipvsSave } from '../../src/cluster/netns/ipvs.ts';
import type { ConntrackView, Event, RulesEvent } from '../../src/events/event.ts';
import { recorded, requestsOf } from '../support/engine.ts';

const fixture = (kind: string): string =>
  readFileSync(new URL(`../fixtures/rules/kube-proxy-ipvs.${kind}`, import.meta.url), 'utf8');

const IPS_DST_NAT = 0x20;

/**
 * Real packets through kube-proxy's iptables mode as conntrack would have shown them in IPVS mode: translated all the
 * same, without the bit that says so (ip_vs_update_conntrack), and under the rules of that mode.
 */
function asByIpvs(events: readonly Event[]): Event[] {
  const node = events.find((event) => event.kind === 'netns' && event.name.endsWith('node-a'));
  const netns = node?.kind === 'netns' ? node.netns : -1;
  const rules = (syntax: RulesEvent['syntax'], text: string): RulesEvent => ({
    kind: 'rules',
    at: 0,
    netns,
    syntax,
    text,
  });
  const others = events.filter((event) => event.kind !== 'rules' || event.netns !== netns);
  return [
    rules('iptables', fixture('iptables-save')),
    rules('ipvs', ipvsSave(fixture('proc-ip_vs'))),
    rules('ipset', fixture('ipset-save')),
    ...others.map((event) =>
      event.kind === 'packet' && event.conntrack !== undefined && event.netns === netns
        ? { ...event, conntrack: withoutBit(event.conntrack) }
        : event,
    ),
  ];
}

const withoutBit = (view: ConntrackView): ConntrackView => ({ ...view, status: view.status & ~IPS_DST_NAT });

describe('a Service served by IPVS', () => {
  const requests = requestsOf(asByIpvs(recorded('iptables')));
  const dialled = (ip: string, port: number) =>
    requests.filter((request) => request.dialled.ip === ip && request.dialled.port === port);

  it('is translated in INPUT, by the virtual server, and masqueraded by netfilter', () => {
    const [request] = dialled('10.100.0.2', 32213).filter(({ client }) => client.ip === '198.51.100.7');
    const rewrites = request?.hops.filter(({ kind }) => kind === 'dnat' || kind === 'masquerade');
    expect(rewrites).toMatchObject([
      {
        kind: 'dnat',
        hook: 'INPUT',
        node: 'node-a',
        rule: {
          table: 'ipvs',
          chain: 'TCP 10.100.0.2:32213',
          via: ['INPUT'],
          text: expect.stringMatching(
            /^-A -t 10\.100\.0\.2:32213 -s rr; -a .* -r 10\.0\.\d\.11:8080 -m -w 1$/,
          ) as string,
        },
      },
      { kind: 'masquerade', hook: 'POSTROUTING', rule: { chain: 'KUBE-POSTROUTING' } },
    ]);
    expect(request?.clientIp).toMatchObject({
      verdict: 'lost',
      cause: 'masquerade-external-traffic-policy',
    });
    expect(request?.dialled.kind).toBe('service');
  });

  it('is translated in OUTPUT where the node itself asks', () => {
    const [request] = dialled('10.3.241.152', 80).filter(({ client }) => client.kind === 'node');
    expect(request?.hops.find(({ kind }) => kind === 'dnat')).toMatchObject({
      hook: 'OUTPUT',
      rule: { table: 'ipvs', via: ['OUTPUT'] },
    });
  });
});
