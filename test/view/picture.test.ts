import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Controller } from '../../src/view/controller.ts';
import { ViewModel } from '../../src/view/model.ts';
import { createPainter, lineWidth, textOf } from '../../src/view/paint.ts';
import { picture } from '../../src/view/picture.ts';
import type { ViewSource, ViewStatus } from '../../src/view/source.ts';
import type { Request } from '../../src/trace/request.ts';
import { byName, exchanges, noSuchName, proxyProtocol } from '../fixtures/exchanges.ts';
import * as fixtures from '../fixtures/requests.ts';

process.env['TZ'] = 'UTC';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 50 },
];

const running: ViewStatus = {
  probes: { set: 'tracepoint', running: true },
  missing: [],
  eventsPerSecond: 812.4,
  lostEvents: 0,
  detail: { level: 'path', lowered: false },
};

let model: ViewModel;
let status: ViewStatus;
let source: ViewSource;
let controller: Controller;

beforeEach(() => {
  model = new ViewModel();
  status = running;
  source = { title: 'node-a', hint: 'curl http://10.100.0.2:32213/', status: () => status };
  controller = new Controller({
    model,
    source,
    quit: () => undefined,
    suspend: () => undefined,
  });
});

function show(requests: readonly Request[], size = SIZES[0] ?? { columns: 80, rows: 24 }): string[] {
  for (const request of requests) model.upsert(request);
  return picture(controller, size, 0).map(textOf);
}

const press = (...keys: string[]): void => keys.forEach((key) => controller.press(key));
const screen = (lines: readonly string[]): string => lines.map((line) => line.trimEnd()).join('\n');

describe('the list', () => {
  it('tells each scenario in two lines at 80 columns', () => {
    expect(screen(show(fixtures.scenarios.slice(0, 10)))).toMatchInlineSnapshot(`
      " nathop  node-a             tracepoint probes · detail path · 812 ev/s · 0 lost
        TIME     CLIENT → ASKED FOR, and how it got there    CLIENT IP   STATE
        earlier  default/client → default/kubernetes:https   ? unknown   ● established
                 ~DNAT 10.100.0.2:6443 → node-a
        03:04:05 198.51.100.7 → default/web:http             ▲ lost        closed
                 DNAT · MASQ 10.100.0.2 → default/web-6c9f5d7b8-x2x7q          12.4 ms
        03:04:05 198.51.100.7 → default/web-local:http       ✓ preserved   closed
                 DNAT 10.0.2.2:8080 → default/web-6c9f5d7b8-x2x7q              3.20 ms
      ✗ 03:04:05 198.51.100.7 → default/web-local:http       ? unknown   ✗ dropped
                 ✗ no local endpoint at node-a                                  1.00 s
        03:04:05 default/client → default/web:http           ✓ preserved ● established
                 DNAT 10.0.2.2:8080 → default/web-6c9f5d7b8-x2x7q              1.80 ms
        03:04:05 default/web-…5d7b8-x2x7q → default/web:http ▲ lost        closed
                 DNAT · MASQ 10.0.2.1 → default/web-6c9f5d7b8-x2x7q            12.4 ms
      ✗ 03:04:05 default/client → default/empty:http         ? unknown   ✗ rejected
                 ✗ no ready endpoints at node-a                                0.30 ms
      ✗ 03:04:05 198.51.100.7 → node-a:80                    ✓ preserved ✗ refused
                 ✗ nothing listens at node-a  saw 198.51.100.7                 0.21 ms
      ✗ 03:04:05 203.0.113.99 → node-a:32213                 ? unknown   ✗ dropped
                 ✗ dropped: IP_RPFILTER                                        0.00 ms
      ▌ 03:04:05 default/client → 10.0.2.99:8080             ? unknown   ✗ unanswered
                 ✗ no answer at node-b                                          3.02 s
       10 requests · ✗ 5 failed                                     time ↑  following
       Enter detail  / filter  F failed  e counts  p pause  s sort    ? help  q quit"
    `);
  });

  it('does not speak of listeners where an ICMP error refused', () => {
    const failure = {
      kind: 'refused' as const,
      reason: 'ICMP host unreachable from 10.0.2.1',
      text: '',
      evidence: [],
      next: '',
    };
    const rejected = { ...fixtures.unanswered, state: 'rejected' as const, failure };
    expect(screen(show([rejected]))).toContain('✗ refused: ICMP host unreachable from 10.0.2.1');
  });

  it('is a table from 120 columns on', () => {
    expect(screen(show(fixtures.scenarios, SIZES[1]).slice(0, 18))).toMatchInlineSnapshot(`
      " nathop  node-a                                                     tracepoint probes · detail path · 812 ev/s · 0 lost
        TIME     CLIENT          ASKED FOR            REWRITES                 SERVED BY             CLIENT IP   STATE
        earlier  default/client  default/ku…tes:https ~DNAT 10.100.0.2:6443    node-a                ? unknown   ● established
        03:04:05 198.51.100.7    default/web:http     DNAT · MASQ 10.100.0.2   default/we…d7b8-x2x7q ▲ lost        closed
        03:04:05 198.51.100.7    default/we…ocal:http DNAT 10.0.2.2:8080       default/we…d7b8-x2x7q ✓ preserved   closed
      ✗ 03:04:05 198.51.100.7    default/we…ocal:http no local endpoint at node-a                    ? unknown   ✗ dropped
        03:04:05 default/client  default/web:http     DNAT 10.0.2.2:8080       default/we…d7b8-x2x7q ✓ preserved ● established
        03:04:05 default…8-x2x7q default/web:http     DNAT · MASQ 10.0.2.1     default/we…d7b8-x2x7q ▲ lost        closed
      ✗ 03:04:05 default/client  default/empty:http   no ready endpoints at node-a                   ? unknown   ✗ rejected
      ✗ 03:04:05 198.51.100.7    node-a:80            nothing listens at node-a                      ✓ preserved ✗ refused
      ✗ 03:04:05 203.0.113.99    node-a:32213         dropped: IP_RPFILTER                           ? unknown   ✗ dropped
      ✗ 03:04:05 default/client  10.0.2.99:8080       no answer at node-b                            ? unknown   ✗ unanswered
        03:04:05 default/client  kube-syste…s:dns udp DNAT 10.0.1.5:53         kube-syste…ff4d-8xkzq ✓ preserved   closed
        03:04:05 2001:db…5678::7 default/web:http     DNAT · MASQ fd00:100::2  default/we…d7b8-x2x7q ▲ lost        closed
        03:04:05 default/client  198.51.100.80:443    MASQ 10.100.0.2          198.51.100.80         ▲ lost      ● established
        03:04:05 default/client  default/a-0:8080     no rewrite               default/a-0           ✓ preserved   closed
      ▌ 03:04:05 198.51.100.7    node-a icmp          no rewrite               node-a                ✓ preserved   closed
      "
    `);
  });

  it('has time, ports, cause and source seen at 200 columns', () => {
    expect(screen(show([fixtures.nodePortCluster, fixtures.unanswered], SIZES[2]).slice(1, 4)))
      .toMatchInlineSnapshot(`
        "  TIME             TOOK CLIENT                ASKED FOR                    REWRITES                             SERVED BY                   SERVER SAW             CLIENT IP               STATE
          03:04:05.678  12.4 ms 198.51.100.7:51514    default/web:http             DNAT 10.0.2.2:8080 · MASQ 10.100.0.2 default/web-6c9f5d7b8-x2x7q 10.100.0.2 node-a      ▲ lost: traffic policy    closed
        ▌ 03:04:05.678   3.02 s default/client:40112  10.0.2.99:8080               no answer at node-b                                                                     ? unknown               ✗ unanswered"
      `);
  });

  it('tells each exchange in two lines at 80 columns: what was asked, by which proxies, which address is carried', () => {
    expect(screen(show(exchanges).slice(1, -2))).toMatchInlineSnapshot(`
      "  TIME     CLIENT → ASKED FOR, and how it got there    CLIENT IP   STATE
        03:04:05 default/client → GET a-service/ping         ✓ preserved   200
                 default/a-…vice:http DNAT → default/a-service-6f7d9c5b4-tq2lm 1.80 ms
        03:04:05 198.51.100.7 → GET example.com/a/pings      ↷ carried     200
                 ingres…:http via nginx → default/a-…5b4-tq2lm  ↷ 198.51.100.7 12.4 ms
        03:04:05 198.51.100.7 → GET example.com/a/pings      ‼ forged-or…  200
                 ingres…:http via nginx → default/a-s…c5b4-tq2lm  ‼ 172.17.0.1 12.4 ms
        03:04:05 198.51.100.7 → GET example.com/a/pings      ↷ carried     200
                 via haproxy · ~via nginx → defaul…tq2lm  ↷ 198.51.100.7       12.4 ms
      ✗ 03:04:05 haproxy → GET example.com/                  ✓ preserved ✗ 400
                 default/a-service…9c5b4-tq2lm:8080 ✗ PROXY protocol mismatch  12.4 ms
      ✗ 03:04:05 default/client → POST a-service/orders      ✓ preserved ✗ 401
                 default/…ce:http REDIRECT → default/a-service-6f7d9c5b4-tq2lm 12.4 ms
        03:04:05 default/client → A a-service.d…luster.local ✓ preserved   NOERROR
                 kube-sys…:dns udp DNAT → kube-system/coredns-7db6d8ff4d-8xkzq 0.62 ms
      ✗ 03:04:05   └ → A product-service-svc                 ✓ preserved ✗ NXDOMAIN
                 kube-system/kube-dns:dns udp DNAT 10.0.1.5:53 ✗ no such name  0.62 ms
      ✗ 03:04:05   └ → AAAA a-service.def….svc.cluster.local ? unknown   ✗ unanswered
                 kube-system/k…e-dns:dns udp DNAT ✗ no answer from the resolver 5.00 s
      ▌ 03:04:05 198.51.100.7 → GET example.com/b/pings      ✓ preserved ✗ 502
                 ingres…s:http DNAT → ingress-nginx/controller-5d88c7d8d-k8jxz 12.4 ms"
    `);
  });

  it('has them in columns at 200', () => {
    const [, header, ...rows] = show(exchanges.slice(0, 4), SIZES[2]);
    expect(screen([header ?? '', ...rows.slice(0, 4)])).toMatchInlineSnapshot(`
      "  TIME             TOOK CLIENT                ASKED FOR                    REWRITES                             SERVED BY                   SERVER SAW             CLIENT IP               STATE
        03:04:05.678  1.80 ms default/client:40112  GET a-service/ping           DNAT 10.0.2.2:8080                   default/a-ser…7d9c5b4-tq2lm 10.0.1.2 default/clie… ✓ preserved               200
        03:04:05.678  12.4 ms 198.51.100.7:51514    GET example.com/a/pings      DNAT · via nginx · DNAT              default/a-ser…7d9c5b4-tq2lm 10.0.1.9 ingress-ngin… ↷ carried 198.51.100.7    200
        03:04:05.678  12.4 ms 198.51.100.7:51514    GET example.com/a/pings      DNAT · MASQ · via nginx · DNAT       default/a-ser…7d9c5b4-tq2lm 10.0.1.9 ingress-ngin… ‼ forged-or-stale 172.…   200
      ▌ 03:04:05.678  12.4 ms 198.51.100.7:51514    GET example.com/a/pings      via haproxy · ~via nginx             default/a-ser…7d9c5b4-tq2lm 10.0.1.9 ingress-ngin… ↷ carried 198.51.100.7    200"
    `);
  });

  it('tells the requests of one connection one under another', () => {
    const again = ['/a', '/b', '/c'].map((path, nth) => ({
      ...byName,
      id: `again-${nth}`,
      http: { method: 'GET', host: 'a-service', path, status: 200 + nth * 102, tls: false },
    }));
    expect(screen(show(again).slice(2, 8))).toMatchInlineSnapshot(`
      "  03:04:05 default/client → GET a-service/a            ✓ preserved   200
                 default/a-…vice:http DNAT → default/a-service-6f7d9c5b4-tq2lm 1.80 ms
        03:04:05   └ → GET a-service/b                       ✓ preserved   302
                 default/a-…vice:http DNAT → default/a-service-6f7d9c5b4-tq2lm 1.80 ms
      ▌ 03:04:05   └ → GET a-service/c                       ✓ preserved ✗ 404
                 default/a-…vice:http DNAT → default/a-service-6f7d9c5b4-tq2lm 1.80 ms"
    `);
  });

  it('shows by F what the server complained of too', () => {
    show(exchanges);
    press('F');
    const words = screen(show([]));
    expect(words).toMatch(/✗ 401[^]*✗ NXDOMAIN[^]*✗ 502/);
    expect(words).not.toContain('/a/pings');
  });

  it('counts by e what fails, and goes from there to these requests and back', () => {
    show([...fixtures.scenarios, ...exchanges]);
    press('e', 'j');
    const words = screen(show([]));
    expect(words).toMatch(/WHAT FAILS, AND FOR WHOM +HOW +FAILED\/ALL +LAST/);
    expect(words).toMatch(/\n▌ \S.* 03:04:05/);
    expect(words).toMatch(/── the last one ─+\n \S/);
    expect(words).toContain('Enter these requests');
    const [, group] = controller.list.troubles.groups;
    press('enter');
    expect(screen(show([]))).toContain(`only ${(group?.whom ?? '').slice(0, 10)}`);
    press('escape');
    expect(screen(show([]))).toContain('WHAT FAILS');
    press('escape', 'F');
    expect(screen(show([]))).not.toContain('WHAT FAILS');
  });

  it('says in the place of the counts that nothing fails', () => {
    show([fixtures.clusterIp]);
    press('e');
    expect(screen(show([]))).toContain('Nothing has failed.');
  });

  it('says what goes on where there is nothing to show', () => {
    expect(screen(show([]))).toContain(
      'Attached. Waiting for traffic.\n\n    Try: curl http://10.100.0.2:32213/',
    );
    status = { ...running, probes: { set: 'tracepoint', running: false } };
    expect(screen(show([]))).toContain('The probes are not running.');
    status = { missing: [], eventsPerSecond: 0, lostEvents: 0 };
    expect(screen(show([]))).toContain('Attaching probes …');
    status = { ...status, replay: { speed: 1, ended: true } };
    expect(screen(show([]))).toContain('The recording holds no request.');
  });

  it('says how to see what a filter hides', () => {
    show([fixtures.nodePortCluster]);
    press('F');
    expect(screen(show([]))).toContain('None of 1 request has failed.\n\n    F shows all.');
    press('F', '/', ...Array.from('nowhere'), 'enter');
    expect(screen(show([]))).toContain('None of 1 request matches the filter.\n\n    Esc clears the filter.');
    press('escape');
    expect(screen(show([]))).toContain('default/web:http');
  });
});

describe('the detail', () => {
  it('tells the whole way of a request at 80 columns', () => {
    show([fixtures.nodePortCluster]);
    press('enter');
    const lines = show([], { columns: 80, rows: 100 });
    const title = lines.findIndex((line) => line.startsWith('── 198'));
    expect(screen(lines.slice(title, -2)).trimEnd()).toMatchInlineSnapshot(`
      "── 198.51.100.7:51514 → default/web:http ────────────────────────────────── 1/1
       client      198.51.100.7:51514  (external)
       dialled     default/web:http  10.100.0.2:32213  (service on node-a) tcp
       served by   default/web-6c9f5d7b8-x2x7q  10.0.2.2:8080  (pod on node-b)
       server saw  node-a  10.100.0.2:61033  (node)
       state       closed  since 03:04:05.678  ·  took 12.4 ms

       client IP   ▲ lost at node-a: traffic policy
                   The pod sees node-a (10.100.0.2): node-a masqueraded the connection
                   on its way to node-b, because Service default/web has
                   externalTrafficPolicy: Cluster.
                   › set externalTrafficPolicy: Local on Service default/web
                     computed: dropped; node-a has no ready endpoint of it and would
                     drop the connection
                     but: node-a has no endpoint: it would no longer answer on 32213;
                     only node-b would

      WAY THERE
          0.000 ms  ◆ DNAT        node-a  ~PREROUTING  in eth0
                    │ destination  10.100.0.2:32213 → 10.0.2.2:8080
                    │ for default/web:http
                    │ by ip nat: PREROUTING › KUBE-SERVICES › KUBE-NODEPORTS ›
                    │   KUBE-EXT-LOLE4ISW44XBNF3G › KUBE-SVC-LOLE4ISW44XBNF3G ›
                    │   KUBE-SEP-ZX6JM2PTQGF5Z4QO
                    │ -A KUBE-SEP-ZX6JM2PTQGF5Z4QO -p tcp -m comment --comment
                    │   "default/web:http" -m tcp -j DNAT --to-destination
                    │   10.0.2.2:8080
          0.041 ms  ◆ MASQUERADE  node-a  ~POSTROUTING  out eth0
                    │ source       198.51.100.7:51514 → 10.100.0.2:61033
                    │ ▲ here the client's address is lost
                    │ by ip nat: POSTROUTING › KUBE-POSTROUTING
                    │ -A KUBE-POSTROUTING -m comment --comment "kubernetes service
                    │   traffic requiring SNAT" -j MASQUERADE --random-fully
                    │ marked by ip nat: PREROUTING › KUBE-SERVICES › KUBE-NODEPORTS
                    │   › KUBE-EXT-LOLE4ISW44XBNF3G
                    │ -A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade
                    │   traffic for default/web:http external destinations" -j
                    │   KUBE-MARK-MASQ
          0.041 ms  ○ device      node-a  eth0 → eth0
          0.088 ms  ○ device      node-b  eth0 → cbr0
          0.130 ms  ● delivered   default/web-6c9f5d7b8-x2x7q  ~INPUT  in eth0  on no…
                      to nginx [4711]

      WAY BACK
          0.400 ms  ○ device      node-b  cbr0 → eth0
                    │ 10.0.2.2:8080 → 10.100.0.2:61033
          0.470 ms  ◆ un-SNAT     node-a  ~PREROUTING
                    │ destination  10.100.0.2:61033 → 198.51.100.7:51514
          0.470 ms  ◆ un-DNAT     node-a  ~POSTROUTING
                    │ source       10.0.2.2:8080 → 10.100.0.2:32213
          0.470 ms  ○ device      node-a  eth0 → eth0

                   ~ before a hook: not observed, but follows from the packet's
                   direction"
    `);
  });

  it('takes the screen at 80x24, the lower part at 120x40, the right side at 200x50', () => {
    show(fixtures.scenarios);
    press('g', 'enter');
    const [small, middle, large] = SIZES.map((size) => show([], size));
    expect(small?.[1]).toMatch(/^── default\/client:40112 → default\/kubernetes:https ──/);
    expect(small?.join('')).not.toContain('CLIENT → ASKED');
    expect(middle?.[1]).toContain('REWRITES');
    expect(middle?.findIndex((line) => line.startsWith('── default/client'))).toBeGreaterThan(10);
    expect(large?.[1]).toMatch(/CLIENT → ASKED.*│── default\/client:40112/);
  });

  it('scrolls to its end and no further', () => {
    show([fixtures.nodePortCluster]);
    press('enter');
    expect(screen(show([]))).toMatch(/\d+ more lines ↓/);
    press('G');
    expect(screen(show([]))).toContain('WAY BACK');
    const end = show([]);
    press('pagedown', 'j');
    expect(show([])).toEqual(end);
    press('g');
    expect(screen(show([]))).toContain('client      198.51.100.7:51514');
  });

  it('has the legs one by one, with the proxy between them and why they are one request', () => {
    show([proxyProtocol]);
    press('enter');
    const lines = show([], { columns: 80, rows: 130 });
    const title = lines.findIndex((line) => line.startsWith('── 198'));
    expect(screen(lines.slice(title, -2)).trimEnd()).toMatchInlineSnapshot(`
      "── 198.51.100.7:51514 → haproxy:443 ─────────────────────────────────────── 1/1
       client      198.51.100.7:51514  (external)
       asked for   GET example.com/a/pings  200
                   over TLS for example.com
       dialled     haproxy  203.0.113.5:443  (external) tcp
       served by   default/a-service-6f7d9c5b4-tq2lm  10.0.2.2:8080  (pod on node-b)
       server saw  ingress-nginx/controller-5d88c7d8d-k8jxz  10.0.1.9:34120  (pod on …
       state       closed  since 03:04:05.678  ·  took 12.4 ms

       client IP   ↷ carried, lost at haproxy: proxy
                   HAProxy opened a connection of its own; its PROXY header and
                   X-Forwarded-For carry the client, 198.51.100.7.
                   ↷ leg 1  proxy-protocol  198.51.100.7  › the client
                   ↷ leg 2  x-forwarded-for  198.51.100.7 (by haproxy), 203.0.113.5
                   (by ingress-nginx/controller-5d88c7d8d-k8jxz)  › the client

      WAY THERE
      LEG 0  198.51.100.7:51514 → haproxy:443
          0.000 ms  ● delivered   haproxy
                      to haproxy [99]
                      198.51.100.7:51514 → 203.0.113.5:443

          0.400 ms  ⇄ proxy       haproxy [99]  haproxy
                      ▲ here the client's address is lost
                      joined by proxy-header: its PROXY header names
                        198.51.100.7:51514

      LEG 1  haproxy:41000 → ingress-nginx/ingress:http  GET example.com/a/pings 200
          0.400 ms  ○ device      haproxy  out eth0
                    │ by haproxy [99]
                    │ 203.0.113.5:41000 → 10.100.0.2:32080
          0.450 ms  ◆ DNAT        node-a  ~PREROUTING
                    │ destination  10.100.0.2:32080 → 10.0.1.9:80
          0.500 ms  ● delivered   ingress-nginx/controller-5d88c7d8d-k8jxz  on node-a
                      to nginx [812]

          1.900 ms  ⇄ ~proxy      nginx [812]  ingress-nginx/controller-5d88c7d8d-k8j…
                      ~ joined by pod-and-time: same pod, nested in time

      LEG 2  ingress-nginx/controller-5d88c7d8d-k8jxz:34120 → default/a-service:http
             GET example.com/ping 200
          1.900 ms  ○ device      ingress-nginx/controller-5d88c7d8d-k8jxz  out eth0 …
                    │ by nginx [812]
                    │ 10.0.1.9:34120 → 10.3.241.152:80
          1.950 ms  ◆ DNAT        node-a  ~PREROUTING  in veth9
                    │ destination  10.3.241.152:80 → 10.0.2.2:8080
                    │ for default/a-service:http
                    │ by ip nat: PREROUTING › KUBE-SERVICES › KUBE-SVC-A ›
                    │   KUBE-SEP-ZX6JM2PTQGF5Z4QO
                    │ -A KUBE-SEP-ZX6JM2PTQGF5Z4QO -p tcp -m comment --comment
                    │   "default/a-service:http" -m tcp -j DNAT --to-destination
                    │   10.0.2.2:8080
          2.020 ms  ○ device      node-b  eth0 → cbr0
          2.080 ms  ● delivered   default/a-service-6f7d9c5b4-tq2lm  in eth0  on node…
                      to python3 [4711]

                   ~ inferred: legs 1-2 joined by time and pod only
                   ~ before a hook: not observed, but follows from the packet's
                   direction"
    `);
  });

  it('has the look-up, and the names tried before', () => {
    show([byName]);
    press('enter');
    expect(screen(show([], { columns: 120, rows: 60 }))).toMatch(
      / name +a-service\.default\.svc\.cluster\.local A {2}NOERROR 10\.3\.241\.152\n +asked kube-system\/kube-dns:dns, answered by kube-system\/coredns/,
    );
    show([noSuchName]);
    press('escape', 'G', 'enter');
    expect(screen(show([], { columns: 120, rows: 60 }))).toContain(
      'tried before: product-service-svc.default.svc.cluster.local A NXDOMAIN',
    );
  });

  it('names the failure and where it happened', () => {
    show([fixtures.noEndpoints]);
    press('enter');
    const words = screen(show([], { columns: 120, rows: 60 }));
    expect(words).toContain('✗ rejected-no-endpoints at node-a, hop 1  icmp port-unreachable');
    expect(words).toMatch(/✗ REJECTED {4}node-a {2}~FORWARD {2}in cbr0/);
    expect(words).toContain('by ip filter: FORWARD › KUBE-SERVICES');
  });

  it('says what may be missing', () => {
    show([fixtures.outgoing]);
    press('enter');
    expect(screen(show([]))).toContain('12 lost events may have hit this request');
  });
});

describe('the bars', () => {
  it('say what is traced, how fast, and what was lost', () => {
    status = { ...running, lostEvents: 1_204, detail: { level: 'nat', lowered: true } };
    const [top] = show([], { columns: 200, rows: 24 });
    expect(top).toMatch(
      /^ nathop {2}node-a .* tracepoint probes · detail nat, lowered: busy · 812 ev\/s · 1,204 lost $/,
    );
  });

  it('drop the least important first, never what was lost', () => {
    status = {
      ...running,
      lostEvents: 3,
      recording: { path: '/var/tmp/a-rather-long-name.nathop' },
    };
    for (const columns of [30, 40, 60, 80]) expect(show([], { columns, rows: 24 })[0]).toContain('3 lost');
    expect(show([], { columns: 40, rows: 24 })[0]).not.toContain('ev/s');
  });

  it('show what is not seen, and what went wrong', () => {
    status = { ...running, missing: ['hooks: kprobes do not attach', 'drops: no tracepoint'] };
    expect(show([])[1]).toMatch(/^ ▲ not seen: hooks: kprobes do not attach .* \+1 more {2}\? for all $/);
    status = { ...status, problem: 'bpftrace ended with status 1' };
    expect(show([])[1]).toContain('✗ bpftrace ended with status 1');
    press('?', 'G');
    expect(screen(show([]))).toContain('drops: no tracepoint');
  });

  it('say that the list stands still, and how much waits', () => {
    show([fixtures.nodePortCluster]);
    press('p');
    const lines = show([fixtures.nodePortLocal, fixtures.hairpin]);
    expect(screen(lines)).toContain('‖ PAUSED, 2 waiting · 1 request');
    expect(screen(lines)).not.toContain('web-local');
  });

  it('say how many requests were let go', () => {
    model = new ViewModel(5);
    controller = new Controller({
      model,
      source,
      quit: () => undefined,
      suspend: () => undefined,
    });
    expect(screen(show(fixtures.scenarios))).toContain('5 requests · 10 older let go');
  });
});

describe('colour', () => {
  const painted = (color: boolean, ascii: boolean): string => {
    for (const request of fixtures.scenarios) model.upsert(request);
    const painter = createPainter({ color, ascii });
    return picture(controller, { columns: 200, rows: 50 }, 0).map(painter.line).join('\n');
  };

  it('marks what was kept, what was lost and what failed', () => {
    const text = painted(true, false);
    expect(text).toContain('\x1b[32m✓ preserved');
    expect(text).toContain('\x1b[33m▲ lost');
    expect(text).toMatch(/\x1b\[31m✗ refused/);
  });

  it('is no colour at all where none is wanted', () => {
    expect(painted(false, false)).not.toMatch(/\x1b\[(3|4|9|10)\d/);
    expect(painted(false, false)).toContain('✓ preserved');
  });

  it('leaves only ASCII for a terminal without UTF-8', () => {
    const text = painted(false, true);
    expect(text).toMatch(/^[\x20-\x7e\x1b\n]*$/);
    expect(text).toContain('+ preserved');
  });
});

describe('any request on any screen', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      '\x1b[2J\x1b[H',
      '\u202eevil',
      '👩‍👩‍👧‍👦',
      '漢字漢字漢字漢字漢字漢字',
      'a\nb',
      'x'.repeat(5_000),
    ),
  );
  const end = fc.record(
    {
      ip: name,
      port: fc.nat(65535),
      kind: fc.constantFrom('pod' as const, 'unknown' as const),
      name,
      node: name,
    },
    { requiredKeys: ['ip', 'kind'] },
  );
  const hop = fc.record(
    {
      leg: fc.nat(3),
      kind: fc.constantFrom(
        'proxy' as const,
        'device' as const,
        'dnat' as const,
        'masquerade' as const,
        'deliver' as const,
        'drop' as const,
      ),
      observed: fc.boolean(),
      node: name,
      netns: fc.record({ inum: fc.nat(), name }),
      device: fc.record({ in: name, out: name }),
      before: fc.record({ src: name, dst: name }),
      after: fc.record({ src: name, dst: name }),
      rule: fc.record({
        family: fc.constant('ip' as const),
        table: name,
        chain: name,
        via: fc.array(name),
        text: name,
      }),
      process: fc.record({ pid: fc.nat(), comm: name }),
    },
    { requiredKeys: ['leg', 'kind', 'observed'] },
  );
  const request = fc
    .record({
      client: end,
      dialled: end,
      server: end,
      hops: fc.array(hop, { maxLength: 5 }),
      text: name,
      told: fc.constantFrom(...exchanges, fixtures.nodePortCluster),
    })
    .map(({ client, dialled, server, hops, text, told }): Request => ({
      ...told,
      ...(told.http && { http: { ...told.http, method: text, path: text, host: text, requestId: text } }),
      ...(told.dns && { dns: { ...told.dns, name: text, answers: [text] } }),
      ...(told.legs && {
        legs: told.legs.map((leg) => ({
          ...leg,
          client,
          dialled,
          joinedBy: { evidence: 'process' as const, text },
        })),
      }),
      client,
      dialled,
      server,
      hops,
      clientIp: {
        verdict: told.clientIp.verdict,
        carriers: told.clientIp.carriers.map((carrier) => ({ ...carrier, values: [text] })),
        text,
        responsible: { object: text, field: text, value: text },
        remedies: [
          {
            kind: 'rule' as const,
            text,
            breaks: text,
            whatIf: { computed: true as const, outcome: 'unknown' as const, text },
          },
        ],
      },
      inferred: [text],
    }));
  const size = fc.record({
    columns: fc.integer({ min: 1, max: 220 }),
    rows: fc.integer({ min: 1, max: 60 }),
  });

  it('fills the screen exactly, with nothing that steers the terminal', () => {
    fc.assert(
      fc.property(request, size, fc.boolean(), (shown, { columns, rows }, open) => {
        const keeper = new ViewModel();
        keeper.upsert(shown);
        const view = new Controller({
          model: keeper,
          source,
          quit: () => undefined,
          suspend: () => undefined,
        });
        if (open) view.press('enter');
        const lines = picture(view, { columns, rows }, 0);
        expect(lines).toHaveLength(rows);
        for (const line of lines) {
          expect(lineWidth(line)).toBe(columns);
          expect(textOf(line)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{M}]/u);
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
