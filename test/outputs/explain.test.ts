import fc from 'fast-check';
import pc from 'picocolors';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { explainJsonOutput, explainOutput } from '../../src/outputs/explain.ts';
import { jsonSchema } from '../../src/outputs/schema.ts';
import { widthOf } from '../../src/terminal/text.ts';
import type { Carrier, Request } from '../../src/trace/request.ts';
import * as exchanges from '../fixtures/exchanges.ts';
import * as requests from '../fixtures/requests.ts';
import { hostileText } from '../support/hostile-text.ts';

process.env['TZ'] = 'UTC';

const all: readonly Request[] = [...exchanges.exchanges, ...requests.scenarios];

const explain = (request: Request, width = 80, rules = false): string =>
  explainOutput({ colors: pc.createColors(false), width: () => width, rules }).render(request);

/** As one reads it, whatever the lines. */
const flat = (text: string): string => text.replace(/\s+/g, ' ');
const story = (request: Request): string => flat(explain(request));

it('tells the answer first, then the way with its reasons, then what was not seen', () => {
  expect(explain(exchanges.ingressStale)).toMatchInlineSnapshot(`
    "── 03:04:05.678 · ingress-stale ────────────────────────────────────────────────
    GET example.com/a/pings was answered 200 after 12.4 ms. 198.51.100.7:51514
    dialled ingress-nginx/ingress:http (10.100.0.2:32080).
    default/a-service-6f7d9c5b4-tq2lm (10.0.2.2:8080) on node-b served it.

    THE CLIENT'S ADDRESS: forged or stale: what a header names is not the client
      default/a-service-6f7d9c5b4-tq2lm sees 10.0.1.9, which is
      ingress-nginx/controller-5d88c7d8d-k8jxz, and not the client 198.51.100.7.
      X-Forwarded-For names 172.17.0.1, which is not the client: node-a masqueraded
      198.51.100.7 before the proxy saw it. Cause:
      masquerade-external-traffic-policy.
      x-forwarded-for on leg 1: 172.17.0.1 (what node-a made of the client's address
      before the proxy)

    WHAT WOULD KEEP IT
              1.  set externalTrafficPolicy: Local on Service ingress-nginx/ingress.
             but  nodes without an ingress pod would no longer answer on 32080.

    THE WAY, leg 0
        0.000 ms  DNAT in ~PREROUTING: node-a changes the destination from
                  10.100.0.2:32080 to 10.0.1.9:80
                  (ingress-nginx/controller-5d88c7d8d-k8jxz).
        0.020 ms  MASQUERADE in ~POSTROUTING: node-a changes the source from
                  198.51.100.7:51514 to 172.17.0.1:20771 (node-a). <- Here the
                  client's address is lost.
                  by ip nat: POSTROUTING › KUBE-POSTROUTING ("kubernetes service
                  traffic requiring SNAT")
        0.050 ms  It arrives in ingress-nginx/controller-5d88c7d8d-k8jxz on node-a,
                  to nginx [812].

    THE WAY, leg 1
      The proxy nginx [812] in ingress-nginx/controller-5d88c7d8d-k8jxz took leg 0
      and opened this one. Known by request-id: both carry the request id 7d1f.
      ingress-nginx/controller-5d88c7d8d-k8jxz (10.0.1.9:34120) dialled
      default/a-service:http (10.3.241.152:80): GET example.com/ping 200.
        0.900 ms  nginx [812] in ingress-nginx/controller-5d88c7d8d-k8jxz on node-a
                  sends it out by eth0, from 10.0.1.9:34120 to 10.3.241.152:80.
        0.950 ms  DNAT in ~PREROUTING: node-a changes the destination from
                  10.3.241.152:80 to 10.0.2.2:8080
                  (default/a-service-6f7d9c5b4-tq2lm) for Service
                  default/a-service:http.
                  by ip nat: PREROUTING › KUBE-SERVICES › KUBE-SVC-A ›
                  KUBE-SEP-ZX6JM2PTQGF5Z4QO
        1.020 ms  It crosses node-b, in by eth0, out by cbr0.
        1.080 ms  It arrives in default/a-service-6f7d9c5b4-tq2lm on node-b, to
                  python3 [4711].

    WHAT WAS NOT SEEN, OR ONLY CONCLUDED
      - ~ before a hook: not seen, but it follows from the packet's direction
    "
  `);
});

describe('who reads it for', () => {
  it('the client’s address learns what stands in the server’s log, and whose it is', () => {
    expect(story(requests.nodePortCluster)).toContain(
      "THE CLIENT'S ADDRESS: lost on the way default/web-6c9f5d7b8-x2x7q sees 10.100.0.2, which is node-a, and not the client 198.51.100.7.",
    );
    expect(story(exchanges.ingressCarried)).toContain(
      "THE CLIENT'S ADDRESS: lost on the way, but carried by x-forwarded-for 198.51.100.7",
    );
    expect(story(exchanges.proxyProtocol)).toContain(
      'x-forwarded-for on leg 2: 198.51.100.7 (the client, added by haproxy), 203.0.113.5 (haproxy, added by ingress-nginx/controller-5d88c7d8d-k8jxz)',
    );
  });

  it('a stale header learns where its address came from, and a forged one that the client sent it', () => {
    expect(story(exchanges.ingressStale)).toContain(
      "172.17.0.1 (what node-a made of the client's address before the proxy)",
    );
    const forged: Carrier = { kind: 'x-forwarded-for', values: ['1.2.3.4'], leg: 0, isClient: false };
    const { clientIp } = exchanges.ingressStale;
    expect(story({ ...exchanges.ingressStale, clientIp: { ...clientIp, carriers: [forged] } })).toContain(
      'x-forwarded-for on leg 0: 1.2.3.4 (sent by the client itself)',
    );
  });

  it('an address that a proxy took from the client’s header into another learns that', () => {
    const carriers: Carrier[] = [
      { kind: 'x-forwarded-for', values: ['1.2.3.4'], leg: 0, isClient: false },
      {
        kind: 'x-real-ip',
        values: ['1.2.3.4'],
        leg: 1,
        isClient: false,
        entries: [{ value: '1.2.3.4', from: 'proxy', addedBy: 'nginx' }],
      },
    ];
    const { clientIp } = exchanges.ingressStale;
    expect(story({ ...exchanges.ingressStale, clientIp: { ...clientIp, carriers } })).toContain(
      'x-real-ip on leg 1: 1.2.3.4 (as the client itself had written it, added by nginx)',
    );
  });

  it('a failure learns what it is, what it means and what was seen of it', () => {
    expect(story(requests.localWithoutEndpoint)).toMatch(
      /WHAT BROKE: no-local-endpoint, at node-a node-a dropped it: .* What was seen of it: NETFILTER_DROP/,
    );
    expect(story(requests.localWithoutEndpoint)).toContain('<- Here it failed.');
    expect(story(exchanges.noSuchName)).toContain(
      'Tried before it, by the search list of the one who asked: product-service-svc.default.svc.cluster.local (A): NXDOMAIN;',
    );
  });

  it('a status learns who gave it', () => {
    expect(story(exchanges.badGateway)).toContain(
      'ingress-nginx/controller-5d88c7d8d-k8jxz (10.0.1.9:80) gave this answer: the network did its part. 502 is what a proxy answers',
    );
    expect(story(exchanges.sidecar)).toContain('gave this answer, and what stands before it passed it on');
    const behind = exchanges.ingressCarried.legs?.map((leg, index) => ({
      ...leg,
      http: { method: 'GET', path: '/', tls: false, status: index === 0 ? 504 : 200 },
    }));
    const http = { method: 'GET', path: '/', tls: false, status: 504 };
    expect(story({ ...exchanges.ingressCarried, http, legs: behind ?? [] })).toContain(
      'Behind it, default/a-service:http (10.3.241.152:80) was asked, and the answer 200 was seen.',
    );
  });

  it('a proxy learns by what its two sides are one request, and whether that is only concluded', () => {
    expect(story(exchanges.proxyProtocol)).toContain(
      "The proxy haproxy [99] in haproxy took leg 0 and opened this one. <- Here the client's address is lost. Known by proxy-header: its PROXY header names",
    );
    expect(story(exchanges.proxyProtocol)).toContain(
      'Only concluded by pod-and-time: same pod, nested in time.',
    );
  });

  it('a later request on a connection learns that its way is the connection’s', () => {
    const hops = exchanges.byName.hops.map(({ atMs: _, ...hop }) => hop);
    expect(story({ ...exchanges.byName, hops })).toContain('THE WAY Its connection was open before;');
    expect(story(exchanges.byName)).not.toContain('open before');
  });

  it('a name learns who answered, and that its address was dialled', () => {
    expect(story(exchanges.byName)).toContain('NOERROR 10.3.241.152. That is the address it then dialled.');
  });
});

it('-o wide adds each rule as its tool prints it', () => {
  expect(explain(requests.nodePortCluster, 200, true)).toContain('-j MASQUERADE --random-fully');
  expect(explain(requests.nodePortCluster, 200)).not.toContain('--random-fully');
  expect(explain(requests.nodePortCluster, 200)).toContain(
    'marked for it by ip nat: PREROUTING › KUBE-SERVICES › KUBE-NODEPORTS › KUBE-EXT-LOLE4ISW44XBNF3G ("masquerade traffic for default/web:http external destinations")',
  );
});

it('fits every width there is, and says nothing that is not known', () => {
  for (const request of all) {
    for (const width of [40, 80, 133]) {
      const text = explain(request, width);
      for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width);
      expect(text).not.toMatch(/undefined|NaN|null/);
    }
  }
});

it('cannot steer the terminal, whatever the names', () => {
  fc.assert(
    fc.property(hostileText, fc.constantFrom(...all), (bad, request) => {
      const end = { ...request.client, name: bad };
      const text = explain({
        ...request,
        id: bad,
        client: end,
        hops: request.hops.map((hop) => ({ ...hop, node: bad, netns: { inum: 1, name: bad } })),
        clientIp: {
          ...request.clientIp,
          text: bad,
          carriers: [{ kind: 'forwarded', values: [bad], leg: 0, isClient: false }],
          responsible: { object: bad, field: bad, value: bad },
          remedies: [
            {
              kind: 'rule',
              text: bad,
              breaks: bad,
              whatIf: { computed: true, outcome: 'unknown', text: bad },
            },
          ],
        },
        http: { method: bad, path: bad, tls: true, status: 500 },
        dns: { name: bad, type: bad, answers: [bad], id: bad, tried: [{ name: bad, type: bad }] },
        inferred: [bad],
      });
      for (const line of text.split('\n')) {
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{M}\p{Zl}\p{Zp}]/u);
        expect(widthOf(line)).toBeLessThanOrEqual(80);
      }
    }),
  );
});

it('is an array of lines in JSON, as the schema has it', () => {
  const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  for (const request of all) {
    const line: unknown = JSON.parse(explainJsonOutput().render(request));
    expect(schema.safeParse(line).error).toBeUndefined();
    expect(line).toMatchObject({ id: request.id, story: expect.any(Array) as unknown });
  }
});

it('says of a rule that the kernel was seen to run it, or what is known of one that no text has', () => {
  const evaluated = { comment: 'of no rule here', chains: ['KUBE-SVC-A', 'KUBE-SEP-B'] };
  const hops = exchanges.ingressStale.hops.map((hop) => {
    if (hop.kind === 'masquerade' && hop.rule !== undefined) {
      return { ...hop, hookObserved: true, rule: { ...hop.rule, source: 'kernel' as const } };
    }
    return hop.kind === 'dnat' ? { ...hop, hookObserved: true, evaluated } : hop;
  });
  const told = story({ ...exchanges.ingressStale, hops });
  expect(told).toContain('traffic requiring SNAT"), as the kernel ran it');
  expect(told).toContain(
    'by a rule that is not known; the kernel came by the comment "of no rule here" and chain KUBE-SVC-A › KUBE-SEP-B',
  );
  expect(told).not.toContain('in ~PREROUTING: node-a changes the destination from 10.100.0.2');
});
