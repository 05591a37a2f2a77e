import pc from 'picocolors';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { jsonOutput } from '../../src/outputs/json.ts';
import { jsonSchema, requestSchema } from '../../src/outputs/schema.ts';
import { textOutput } from '../../src/outputs/text.ts';
import { wideOutput } from '../../src/outputs/wide.ts';
import type { Failure } from '../../src/trace/request.ts';
import {
  byName,
  ingressCarried,
  ingressStale,
  lookupAnswered,
  noSuchName,
  proxyProtocol,
  sidecar,
} from '../fixtures/exchanges.ts';
import { nodePortCluster } from '../fixtures/requests.ts';
import { request } from '../support/request.ts';

const plain = pc.createColors(false);
const hostile = 'a\u001b[2Jb\u0085c\u202ed\ne';
const text = (r = request()): string => textOutput(plain).render(r);
const wide = (r = request()): string => wideOutput(plain).render(r);
const json = (r = request()): string => jsonOutput().render(r);

describe('text', () => {
  it('tells the story on one line', () => {
    expect(text().slice(13)).toBe(
      '198.51.100.7 → 10.100.0.2:32213 (node-a) → DNAT MASQUERADE → 10.0.2.2:8080 (default/web-0), ' +
        'saw 10.100.0.2, lost, closed, 12.4 ms',
    );
  });

  it('leaves out what is not known and says what is inferred or lost', () => {
    const { durationMs: _d, server: _s, sourceSeenByServer: _seen, startedAt: _at, ...rest } = request();
    const line = text({ ...rest, inferred: ['x'], lostEvents: 3 });
    expect(line).toBe(
      'earlier      198.51.100.7 → 10.100.0.2:32213 (node-a) → DNAT MASQUERADE, lost, closed, ' +
        'partly inferred, 3 events lost',
    );
    expect(line).not.toContain('undefined');
  });

  it('says what was asked, by which proxies, and which header carries the client', () => {
    expect(text(ingressCarried).slice(13)).toBe(
      '198.51.100.7 → 203.0.113.10:80 (ingress-nginx/ingress) → DNAT → proxy nginx → DNAT → ' +
        '10.0.2.2:8080 (default/a-service-6f7d9c5b4-tq2lm), GET example.com/a/pings 200, saw 10.0.1.9, ' +
        'carried (x-forwarded-for 198.51.100.7), closed, 12.4 ms',
    );
    // Of several, what the last server gets, and what servers mostly trust.
    expect(text(proxyProtocol)).toContain('carried (x-forwarded-for 198.51.100.7)');
    expect(text(ingressStale)).toContain('forged-or-stale (x-forwarded-for 172.17.0.1)');
    expect(text(proxyProtocol)).toContain('→ proxy haproxy → DNAT → proxy nginx → DNAT →');
    expect(text(sidecar)).toMatch(/→ REDIRECT → proxy envoy → .*POST a-service\/orders 401/);
  });

  it('says what was looked up, and what came of it', () => {
    expect(text(lookupAnswered)).toContain(
      ', A a-service.default.svc.cluster.local NOERROR 10.3.241.152, preserved',
    );
    expect(text(noSuchName)).toContain('A product-service-svc NXDOMAIN, preserved, closed (dns-nxdomain)');
  });

  it('stays readable whatever the path', () => {
    const http = { method: 'GET', path: `/${'x'.repeat(9_000)}`, tls: false };
    expect(text(request({ http })).length).toBeLessThan(400);
  });

  it('names the failure beside the state', () => {
    const failure = {
      kind: 'no-local-endpoint',
      reason: 'NETFILTER_DROP',
      text: 'x',
      evidence: [],
      next: 'y',
    } satisfies Failure;
    expect(text(request({ state: 'dropped', failure }))).toContain('dropped (no-local-endpoint)');
  });
});

describe('wide', () => {
  it('has every hop with its hook, what it changed and by which chains', () => {
    expect(wide()).toContain(
      'node-a ~PREROUTING DNAT dst 10.100.0.2:32213→10.0.2.2:8080 by nat/PREROUTING>KUBE-SERVICES>' +
        'KUBE-NODEPORTS>KUBE-EXT-A>KUBE-SVC-A>KUBE-SEP-A for default/web:http',
    );
    expect(wide()).toContain('node-a ~POSTROUTING MASQUERADE src 198.51.100.7:51234→10.100.0.2:40000');
    expect(wide()).toContain('python3[12]');
  });

  it('has the rule that had a masqueraded packet marked', () => {
    expect(wide(nodePortCluster)).toContain(
      'marked by nat/PREROUTING>KUBE-SERVICES>KUBE-NODEPORTS>KUBE-EXT-LOLE4ISW44XBNF3G for default/web:http {-A KUBE-EXT-',
    );
  });

  it('has each leg, what ties it to the one before, and each header that names a client', () => {
    const line = wide(proxyProtocol);
    expect(line).toContain('GET example.com/a/pings 200, TLS for example.com | ');
    expect(line).toMatch(
      /haproxy\[99\] \+0.000 ms \| proxy haproxy dials .* → 10.100.0.2:32080 .* joined by proxy-header: its PROXY header names/,
    );
    expect(line).toContain('proxy-protocol 198.51.100.7 on leg 1, the client');
    expect(line).toContain('x-forwarded-for 198.51.100.7, 203.0.113.5 on leg 2, the client');
  });

  it('has the look-up before the dial, and the names tried before', () => {
    expect(wide(byName)).toContain(
      '| looked up A a-service.default.svc.cluster.local NOERROR 10.3.241.152 |',
    );
    expect(wide(noSuchName)).toContain(
      'tried before: A product-service-svc.default.svc.cluster.local NXDOMAIN;',
    );
  });
});

describe.each([
  ['text', text],
  ['wide', wide],
  ['json', json],
])('%s', (_name, render) => {
  it('is one line that cannot steer the terminal, whatever the names', () => {
    const line = render(
      request({
        id: hostile,
        client: { ip: '10.0.0.1', kind: 'pod', name: hostile, node: hostile },
        server: { ip: '10.0.0.2', kind: 'pod', name: hostile },
        hops: request().hops.map((hop) => ({ ...hop, netns: { inum: 1, name: hostile }, node: hostile })),
        clientIp: {
          verdict: 'carried',
          carriers: [{ kind: 'forwarded', values: [hostile, hostile], leg: 1, isClient: true }],
          text: hostile,
          remedies: [],
        },
        http: { method: hostile, host: hostile, path: hostile, requestId: hostile, tls: true, sni: hostile },
        dns: { name: hostile, type: hostile, rcode: hostile, answers: [hostile], id: hostile },
        legs: (proxyProtocol.legs ?? []).map((leg) => ({
          ...leg,
          client: { ip: hostile, kind: 'pod' as const, name: hostile },
          http: { method: hostile, path: `/${hostile}`, tls: false },
          joinedBy: { evidence: 'process' as const, text: hostile },
        })),
        inferred: [hostile],
      }),
    );
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  });
});

describe('json', () => {
  it('is the same whatever the order in which the engine set the fields', () => {
    const shuffled = Object.fromEntries(Object.entries(request()).reverse());
    expect(json(requestSchema.parse(shuffled))).toBe(json());
    expect(json().startsWith('{"v":1,"id":"r1","startedAt":')).toBe(true);
  });

  it('holds every field unchanged, hostile ones too', () => {
    const subject = request({
      inferred: [hostile],
      failure: { kind: 'reset', atHop: 2, reason: 'RST', text: 'x', evidence: [], next: 'y' },
    });
    expect(JSON.parse(json(subject))).toEqual(subject);
  });

  it('agrees with the schema that `nathop schema` prints', () => {
    const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    expect(schema.safeParse(JSON.parse(json())).success).toBe(true);
    expect(schema.safeParse({ ...request(), state: 'odd' }).success).toBe(false);
  });
});
