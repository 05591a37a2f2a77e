/**
 * Networks that are broken on purpose, each in one way: what breaks them stands in `prepare`, and what must be told of
 * it in `fault`. Each differs from its neighbours in what the client cannot tell apart.
 */
import { CLIENT_IP, GONE_POD_IP, NO_POD_IP, NODE_A, OUTSIDE_PORT } from '../topology.ts';
import { client, podA } from './common.ts';
import { HOSTS } from '../daemons.ts';
import { A_SERVICE, INGRESS } from './kube.ts';
import type { Command, Dial, Expected, ExpectedFault, Preparation, Scenario } from './scenario.ts';

/** A pod on node-b, dialled without a Service. */
const POD_B = { ip: '10.0.2.22', port: 8080 };
/** Long enough for one SYN to be sent again. */
const timeoutMs = 1300;
/** Until the retransmits of a segment have gone on for five seconds. */
const stalledMs = 9500;
/** A request in one segment of some 1,400 bytes. */
const large = { 'X-Padding': 'x'.repeat(1250) };

const change = (where: string, does: readonly string[], undoes: readonly string[]): Preparation => ({
  kind: 'change',
  in: where,
  does: does.map(command),
  undoes: undoes.map(command),
});

const command = (line: string): Command => line.split(' ') as [string, ...string[]];

/** Rules put first, in a chain of their own where one is named; and taken out again. */
function rules(where: string, hook: string, rule: string, chain?: string): Preparation {
  if (chain === undefined)
    return change(where, [`iptables -I ${hook} ${rule}`], [`iptables -D ${hook} ${rule}`]);
  return change(
    where,
    [`iptables -N ${chain}`, `iptables -A ${chain} ${rule}`, `iptables -I ${hook} -j ${chain}`],
    [`iptables -D ${hook} -j ${chain}`, `iptables -F ${chain}`, `iptables -X ${chain}`],
  );
}

/** Broken until the scenario is over; what is sent again then arrives. */
const standsStill = (failure: NonNullable<Expected['failure']>, fault: ExpectedFault): Expected => ({
  ...fails('timeout', 'established', failure, fault),
  mended: true,
});

const fails = (
  outcome: Expected['outcome'],
  state: Expected['states'][number],
  failure: NonNullable<Expected['failure']>,
  fault: ExpectedFault,
): Expected => ({ outcome, states: [state], failure, fault, rewrites: [] });

const podB = { from: 'toolbox-b', protocol: 'tcp' } as const;

const toPodB = (expect: Expected, more: Partial<Dial> = {}): Dial => ({
  ...podA,
  to: POD_B,
  timeoutMs,
  ...more,
  expect,
});

const asking = (
  path: string,
  headers: Readonly<Record<string, string>> = {},
  status?: number,
): Pick<Dial, 'http'> => ({
  http: {
    requests: [
      {
        host: 'b-service',
        path,
        headers,
        expect: { ...(status !== undefined && { status }), legs: [], carriers: [] },
      },
    ],
  },
});

const byRules: readonly Scenario[] = [
  {
    id: 'policy-drop',
    row: 'S6',
    title: 'pod to a pod that a network policy shields: dropped in a chain of Calico',
    prepare: [
      rules(
        'node-b',
        'FORWARD',
        '-d 10.0.2.22/32 -p tcp -m comment --comment Drop-if-no-policies-passed-packet -j DROP',
        'cali-tw-calice0906292e2',
      ),
    ],
    dials: [
      toPodB(
        fails('timeout', 'dropped', 'dropped-by-rule', {
          detail: 'network-policy',
          hop: { kind: 'drop', in: 'node-b' },
          reason: 'NETFILTER_DROP',
          evidence: ['node-b: dropped a packet', 'the rule: -A cali-tw-calice0906292e2', 'sent again once'],
          next: 'kubectl get networkpolicies',
        }),
      ),
    ],
  },
  {
    id: 'policy-reject',
    row: 'S6',
    title: 'pod to a pod that a network policy shields: rejected in a chain of kube-router',
    prepare: [rules('node-b', 'FORWARD', '-d 10.0.2.22/32 -p tcp -j REJECT', 'KUBE-POD-FW-DK3DQ3QTFMW5QHLP')],
    dials: [
      toPodB(
        fails('refused', 'rejected', 'rejected-by-rule', {
          detail: 'network-policy',
          hop: { kind: 'reject', in: 'node-b' },
          reason: 'ICMP port unreachable from 10.100.0.3',
          evidence: [
            'passed on ICMP port unreachable from 10.100.0.3',
            'the rule: -A KUBE-POD-FW-DK3DQ3QTFMW5QHLP',
          ],
          next: 'kubectl get networkpolicies',
        }),
      ),
    ],
  },
  {
    id: 'rule-resets',
    row: 'S6',
    title: 'pod to a pod before which a rule answers with RST: not the pod refuses',
    prepare: [
      rules(
        'node-b',
        'FORWARD',
        '-d 10.0.2.22/32 -p tcp -j REJECT --reject-with tcp-reset',
        'office-firewall',
      ),
    ],
    dials: [
      toPodB(
        fails('refused', 'rejected', 'rejected-by-rule', {
          hop: { kind: 'reject', in: 'node-b' },
          reason: 'RST',
          evidence: ['node-b: RST', 'the rule: -A office-firewall'],
          next: 'office-firewall',
        }),
      ),
    ],
  },
];

const byRouting: readonly Scenario[] = [
  {
    id: 'no-neighbour',
    row: 'S2',
    title: 'pod to an address of the pod network that no pod has: ARP finds nobody',
    dials: [
      {
        ...podB,
        to: { ip: NO_POD_IP, port: 8080 },
        timeoutMs: 4500,
        expect: fails('unreachable', 'rejected', 'dropped-by-kernel', {
          detail: 'neighbour-failed',
          hop: { kind: 'reject', in: 'node-a' },
          reason: 'ICMP host unreachable',
          evidence: ['node-a: sent ICMP host unreachable'],
          next: NO_POD_IP,
        }),
      },
    ],
  },
  {
    id: 'routing-hole',
    row: 'S2',
    title: 'pod to a pod to which a node has a blackhole route',
    prepare: [
      change('node-a', ['ip route add blackhole 10.0.2.22/32'], ['ip route del blackhole 10.0.2.22/32']),
    ],
    dials: [
      toPodB(
        fails('timeout', 'dropped', 'dropped-by-kernel', {
          detail: 'no-route',
          hop: { kind: 'drop', in: 'node-a' },
          evidence: ['node-a: dropped a packet'],
          next: 'ip route get',
        }),
      ),
    ],
  },
  {
    id: 'no-route',
    row: 'S2',
    title: 'pod to a pod to which a node has no route, and says so',
    prepare: [
      change('node-a', ['ip route add unreachable 10.0.2.22/32'], ['ip route del unreachable 10.0.2.22/32']),
    ],
    dials: [
      toPodB(
        fails('unreachable', 'rejected', 'dropped-by-kernel', {
          detail: 'no-route',
          hop: { kind: 'reject', in: 'node-a' },
          reason: 'ICMP host unreachable',
          evidence: ['node-a: sent ICMP host unreachable'],
          next: 'ip route get',
        }),
      ),
    ],
  },
  {
    id: 'node-down',
    row: 'S2',
    title: 'pod to a pod on a node that is off: the SYN ends in the network between',
    prepare: [change('fabric', ['ip link set p-node-b down'], ['ip link set p-node-b up'])],
    dials: [
      toPodB(
        fails('timeout', 'unanswered', 'unanswered', {
          detail: 'not-delivered',
          evidence: ['fabric: 10.0.1.99', 'no answer'],
          next: 'fabric',
        }),
      ),
    ],
  },
  {
    id: 'silent-pod',
    row: 'S2',
    title: 'pod to a pod that takes the SYN and does not answer: its own rules drop what it sends',
    prepare: [rules('b-service-1', 'INPUT', '-p tcp --dport 8080 -j DROP')],
    dials: [
      toPodB(
        fails('timeout', 'dropped', 'dropped-by-rule', {
          hop: { kind: 'drop', in: 'b-service-1' },
          reason: 'NETFILTER_DROP',
          evidence: ['b-service-1: dropped a packet'],
          next: 'b-service-1',
        }),
      ),
    ],
  },
  {
    id: 'patient-client',
    row: 'S2',
    title: 'pod to a pod that is gone, by a client that waits longer than we do: told when its time is up',
    dials: [
      {
        ...podA,
        to: { ip: GONE_POD_IP, port: 8080 },
        timeoutMs: 6500,
        expect: fails('timeout', 'unanswered', 'unanswered', {
          detail: 'not-delivered',
          evidence: ['node-b:', 'sent again', 'no answer'],
          next: GONE_POD_IP,
        }),
      },
    ],
  },
  {
    id: 'late-answer',
    row: 'S2',
    title: 'pod to a pod whose node lets only the seventh SYN through: told as dropped, then corrected',
    prepare: [
      change(
        'node-b',
        [
          'iptables -N slow-start',
          'iptables -A slow-start -d 10.0.2.22/32 -p tcp --syn -m statistic --mode nth --every 7 --packet 6 -j RETURN',
          'iptables -A slow-start -d 10.0.2.22/32 -p tcp --syn -j DROP',
          'iptables -I FORWARD -j slow-start',
        ],
        ['iptables -D FORWARD -j slow-start', 'iptables -F slow-start', 'iptables -X slow-start'],
      ),
    ],
    dials: [
      toPodB(
        {
          ...fails('answered', 'dropped', 'dropped-by-rule', {
            hop: { kind: 'drop', in: 'node-b' },
            evidence: ['the rule: -A slow-start'],
            next: 'slow-start',
          }),
          mended: true,
          server: 'b-service-1',
          sourceSeen: '10.0.1.99',
        },
        { timeoutMs: 14000 },
      ),
    ],
  },
];

const OTHER_WAY = 18080;

const byAnswers: readonly Scenario[] = [
  {
    id: 'reply-other-way',
    row: 'S5',
    title:
      'client to a node that translates and does not masquerade: the pod on the other node answers by itself',
    prepare: [
      change(
        'node-a',
        [
          `iptables -t nat -I PREROUTING -d 10.100.0.2/32 -p tcp --dport ${String(OTHER_WAY)} -j DNAT --to-destination 10.0.2.22:8080`,
        ],
        [
          `iptables -t nat -D PREROUTING -d 10.100.0.2/32 -p tcp --dport ${String(OTHER_WAY)} -j DNAT --to-destination 10.0.2.22:8080`,
        ],
      ),
    ],
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: OTHER_WAY },
        timeoutMs,
        expect: fails('timeout', 'unanswered', 'asymmetric-reply', {
          detail: 'other-way',
          hop: { kind: 'dnat', in: 'node-a' },
          evidence: ['fabric: 10.0.2.22:8080', 'client: RST'],
          next: 'node-a',
        }),
      },
    ],
  },
  {
    id: 'reverse-path-request',
    row: 'S4',
    title: 'client to a server that has no way back to it and checks: the kernel drops the SYN',
    prepare: [
      change(
        'plain-server',
        ['ip route del default', 'sysctl -qw net.ipv4.conf.all.rp_filter=1'],
        ['sysctl -qw net.ipv4.conf.all.rp_filter=0', 'ip route add default via 192.168.1.1'],
      ),
    ],
    dials: [
      {
        from: 'plain-client',
        protocol: 'tcp',
        to: { ip: '192.168.1.2', port: 8080 },
        timeoutMs,
        expect: fails('timeout', 'dropped', 'dropped-by-kernel', {
          detail: 'reverse-path',
          hop: { kind: 'drop', in: 'plain-server' },
          reason: 'IP_RPFILTER',
          evidence: ['plain-server: dropped a packet'],
          next: 'rp_filter',
        }),
      },
    ],
  },
  {
    id: 'reverse-path-answer',
    row: 'S18',
    title:
      'pod to an outside host whose answers come in by another device than the routes say: dropped on return',
    prepare: [
      change(
        'node-a',
        [
          'iptables -t mangle -I PREROUTING -i cbr0 -j MARK --set-xmark 0x1000000/0x1000000',
          'ip rule add fwmark 0x1000000/0x1000000 lookup 100',
          'ip route add default via 10.100.0.1 table 100',
          'ip route add 198.51.100.0/24 dev cbr0',
          'sysctl -qw net.ipv4.conf.all.rp_filter=1',
        ],
        [
          'sysctl -qw net.ipv4.conf.all.rp_filter=0',
          'ip route del 198.51.100.0/24 dev cbr0',
          'ip route flush table 100',
          'ip rule del fwmark 0x1000000/0x1000000 lookup 100',
          'iptables -t mangle -D PREROUTING -i cbr0 -j MARK --set-xmark 0x1000000/0x1000000',
        ],
      ),
    ],
    dials: [
      {
        ...podA,
        to: { ip: CLIENT_IP, port: OUTSIDE_PORT },
        timeoutMs,
        expect: fails('timeout', 'unanswered', 'asymmetric-reply', {
          detail: 'reverse-path',
          reason: 'IP_RPFILTER',
          evidence: ['node-a: dropped an answer'],
          next: 'rp_filter',
        }),
      },
    ],
  },
  {
    id: 'answer-dropped-by-rule',
    row: 'S18',
    title: 'pod to a pod whose answers a rule drops',
    prepare: [rules('node-b', 'FORWARD', '-s 10.0.2.22/32 -p tcp --sport 8080 -j DROP', 'one-way')],
    dials: [
      toPodB(
        fails('timeout', 'unanswered', 'dropped-by-rule', {
          detail: 'answer-dropped',
          reason: 'NETFILTER_DROP',
          evidence: ['node-b: dropped an answer'],
          next: 'one-way',
        }),
      ),
    ],
  },
  {
    id: 'bridge-nf-off',
    row: 'S3',
    title:
      'pod to a Service whose pod is on the same bridge, with bridge-nf-call-iptables=0: the answer stays untranslated',
    prepare: [
      change(
        'node-a',
        ['sysctl -qw net.bridge.bridge-nf-call-iptables=0'],
        ['sysctl -qw net.bridge.bridge-nf-call-iptables=1'],
      ),
    ],
    dials: [
      {
        ...podA,
        to: { ip: A_SERVICE.ip, port: A_SERVICE.port },
        timeoutMs,
        expect: fails('timeout', 'unanswered', 'asymmetric-reply', {
          detail: 'not-translated-back',
          hop: { kind: 'dnat', in: 'node-a' },
          evidence: ['node-a: 10.0.1.21:8080', 'toolbox-a: RST'],
          next: 'bridge-nf-call-iptables',
        }),
      },
    ],
  },
  {
    id: 'hairpin-off',
    row: 'S14',
    title: 'pod to its own Service, with hairpin mode off on its bridge port',
    prepare: [
      change(
        'node-a',
        ['ip link set veth6b0d11a4 type bridge_slave hairpin off'],
        ['ip link set veth6b0d11a4 type bridge_slave hairpin on'],
      ),
    ],
    dials: [
      {
        from: 'a-service-1',
        protocol: 'tcp',
        to: { ip: A_SERVICE.ip, port: A_SERVICE.port },
        timeoutMs,
        expect: fails('timeout', 'dropped', 'dropped-by-kernel', {
          detail: 'hairpin-off',
          hop: { kind: 'drop', in: 'node-a' },
          evidence: ['node-a: dropped a packet 10.0.1.21'],
          next: 'hairpin',
        }),
      },
    ],
  },
];

const midway: readonly Scenario[] = [
  {
    id: 'reset-by-server',
    row: 'S20',
    title: 'pod asks a server that breaks the connection off',
    dials: [
      toPodB(
        fails('reset', 'closed', 'reset', {
          detail: 'by-server',
          hop: { kind: 'deliver', in: 'b-service-1' },
          reason: 'RST',
          evidence: ['b-service-1: RST'],
          next: 'log',
        }),
        asking('/reset'),
      ),
    ],
  },
  {
    id: 'reset-by-middle',
    row: 'S20',
    title: 'pod asks, and a rule on the way resets the connection that stands',
    prepare: [
      rules(
        'node-a',
        'FORWARD',
        '-d 10.0.2.22/32 -p tcp -m length --length 100:65535 -j REJECT --reject-with tcp-reset',
        'office-firewall',
      ),
    ],
    dials: [
      toPodB(
        fails('reset', 'closed', 'reset', {
          detail: 'by-middle',
          hop: { kind: 'device', in: 'node-a' },
          reason: 'RST',
          evidence: ['node-a: RST', 'the rule: -A office-firewall'],
          next: 'node-a',
        }),
        asking('/ping', large),
      ),
    ],
  },
  {
    id: 'reset-by-client',
    row: 'S20',
    title: 'pod asks a server that does not answer, and breaks the connection off',
    dials: [
      toPodB(
        fails('timeout', 'closed', 'reset', {
          detail: 'by-client',
          reason: 'RST',
          evidence: ['toolbox-a: RST', 'GET b-service/silence'],
          next: 'b-service-1',
        }),
        { ...asking('/silence'), timeoutMs: 800, abort: true },
      ),
    ],
  },
  {
    id: 'stopped-by-rule',
    row: 'S20',
    title: 'pod asks, and a rule on the way drops all that is longer than a handshake',
    prepare: [
      rules(
        'node-a',
        'FORWARD',
        '-d 10.0.2.22/32 -p tcp -m length --length 100:65535 -j DROP',
        'office-firewall',
      ),
    ],
    dials: [
      toPodB(
        standsStill('dropped-by-rule', {
          detail: 'stopped-midway',
          hop: { kind: 'device', in: 'node-a' },
          reason: 'NETFILTER_DROP',
          evidence: ['node-a: dropped a packet', 'sent a segment of'],
          next: 'office-firewall',
        }),
        { ...asking('/ping'), timeoutMs: stalledMs },
      ),
    ],
  },
  {
    id: 'mtu-black-hole',
    row: 'S20',
    title: 'client sends more than the way takes, and the router’s word for it is dropped',
    prepare: [
      change('plain-router', ['ip link set eth1 mtu 1200'], ['ip link set eth1 mtu 1500']),
      rules('plain-router', 'OUTPUT', '-p icmp --icmp-type fragmentation-needed -j DROP'),
    ],
    dials: [
      {
        from: 'plain-client',
        protocol: 'tcp',
        to: { ip: '192.168.1.2', port: 8080 },
        timeoutMs: stalledMs,
        ...asking('/ping', large),
        expect: standsStill('dropped-by-kernel', {
          detail: 'too-big',
          hop: { kind: 'device', in: 'plain-router' },
          reason: 'PKT_TOO_BIG',
          evidence: ['plain-router: dropped a packet', 'sent a segment of'],
          next: 'fragmentation needed',
        }),
      },
    ],
  },
  {
    id: 'mtu-discovered',
    row: 'S20',
    title: 'client sends more than the way takes, hears of it and sends smaller ones: nothing has failed',
    prepare: [change('plain-router', ['ip link set eth1 mtu 1200'], ['ip link set eth1 mtu 1500'])],
    dials: [
      {
        from: 'plain-client',
        protocol: 'tcp',
        to: { ip: '192.168.1.2', port: 8080 },
        timeoutMs,
        ...asking('/ping', large, 200),
        expect: {
          outcome: 'answered',
          states: ['closed'],
          server: 'plain-server',
          sourceSeen: '10.0.0.9',
          verdict: 'preserved',
          rewrites: [],
        },
      },
    ],
  },
  {
    id: 'mtu-answer',
    row: 'S20',
    title:
      'pod asks, and the answer is larger than a switch on its way takes: it is written, and does not come',
    prepare: [change('fabric', ['ip link set p-node-a mtu 1200'], ['ip link set p-node-a mtu 1500'])],
    dials: [
      toPodB(
        standsStill('dropped-by-kernel', {
          detail: 'too-big',
          hop: { kind: 'device', in: 'fabric' },
          evidence: ['fabric: dropped an answer', 'the server sent a segment of'],
          next: 'MTU',
        }),
        { ...asking('/large'), timeoutMs: stalledMs },
      ),
    ],
  },
  {
    id: 'mtu-silent',
    row: 'S20',
    title: 'pod sends more than a switch on the way takes: dropped without a word',
    prepare: [change('fabric', ['ip link set p-node-b mtu 1200'], ['ip link set p-node-b mtu 1500'])],
    dials: [
      toPodB(
        standsStill('dropped-by-kernel', {
          detail: 'too-big',
          hop: { kind: 'device', in: 'fabric' },
          evidence: ['fabric: dropped a packet', 'sent a segment of'],
          next: 'MTU',
        }),
        { ...asking('/ping', large), timeoutMs: stalledMs },
      ),
    ],
  },
];

const SNAT = '-s 10.0.1.0/24 -d 198.51.100.7/32 -p tcp --dport 8000 -j SNAT --to-source 10.100.0.2:40000';
const sameServer = { to: { ip: CLIENT_IP, port: OUTSIDE_PORT }, protocol: 'tcp', timeoutMs } as const;

const IDLE = 'sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established';

const byConntrack: readonly Scenario[] = [
  {
    id: 'snat-ports-exhausted',
    row: 'S18',
    title: 'two pods to one server, and one port to translate both to: the second finds none',
    together: true,
    sharedPort: true,
    prepare: [
      change(
        'node-a',
        [`iptables -t nat -I POSTROUTING ${SNAT}`],
        [`iptables -t nat -D POSTROUTING ${SNAT}`, 'conntrack -D -p tcp -d 198.51.100.7 --dport 8000'],
      ),
    ],
    dials: [
      {
        ...sameServer,
        from: 'toolbox-a',
        // It has the port as long as the other tries.
        ...asking('/silence'),
        abort: true,
        expect: fails('timeout', 'closed', 'reset', {
          detail: 'by-client',
          evidence: ['GET b-service/silence was asked'],
          next: 'client',
        }),
      },
      {
        ...sameServer,
        from: 'service-test-1',
        expect: fails('timeout', 'dropped', 'conntrack-clash', {
          detail: 'ports-exhausted',
          hop: { kind: 'drop', in: 'node-a' },
          reason: 'NETFILTER_DROP',
          evidence: ['node-a: dropped a packet', '10.100.0.2:40000'],
          next: 'port',
        }),
      },
    ],
  },
  {
    id: 'entry-expired',
    row: 'S18',
    title:
      'pod asks a server outside, which takes longer to answer than its node remembers an idle connection',
    prepare: [change('node-a', [`${IDLE}=1`], [`${IDLE}=432000`])],
    dials: [
      {
        ...sameServer,
        from: 'toolbox-a',
        ...asking('/later'),
        timeoutMs: 4000,
        expect: fails('timeout', 'closed', 'reset', {
          detail: 'entry-gone',
          hop: { kind: 'masquerade', in: 'node-a' },
          evidence: ['node-a: RST'],
          next: 'nf_conntrack_tcp_timeout_established',
        }),
      },
    ],
  },
  {
    id: 'conntrack-full',
    row: 'S4',
    title: 'client through a router whose conntrack table is full',
    prepare: [{ kind: 'full-table', in: 'plain-router' }],
    dials: [
      {
        from: 'plain-client',
        protocol: 'tcp',
        to: { ip: '10.96.0.1', port: 80 },
        timeoutMs,
        expect: fails('timeout', 'dropped', 'conntrack-full', {
          hop: { kind: 'drop', in: 'plain-router' },
          reason: 'NETFILTER_DROP',
          evidence: ['plain-router: dropped a packet'],
          next: 'nf_conntrack_max',
        }),
      },
    ],
  },
];

const shop = HOSTS.shop;

const byProxies: readonly Scenario[] = [
  {
    id: 'gateway-timeout',
    row: 'S20',
    title: 'client asks the ingress for what a pod that is gone would serve: 504, and why',
    dials: [
      {
        ...client,
        to: { ip: NODE_A.ip, port: INGRESS.nodePort },
        timeoutMs: 4000,
        http: { requests: [{ host: shop, path: '/gone', expect: { status: 504, legs: [], carriers: [] } }] },
        expect: {
          ...fails('answered', 'closed', 'unanswered', {
            detail: 'not-delivered',
            evidence: ['ingress-nginx-1 answered 504 itself', 'left by p-node-a'],
            next: NO_POD_IP,
          }),
          server: 'ingress-nginx-1',
          sourceSeen: NODE_A.ip,
        },
      },
    ],
  },
];

export const faultScenarios: readonly Scenario[] = [
  ...byRules,
  ...byRouting,
  ...byAnswers,
  ...midway,
  ...byConntrack,
  ...byProxies,
];
