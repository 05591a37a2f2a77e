import { createHash } from 'node:crypto';

/** What kube-proxy would write for many Services: the shape of its rules, at the size of a large cluster. */
export interface Generated {
  readonly iptables: string;
  readonly nft: string;
  readonly services: readonly GeneratedService[];
}

export interface GeneratedService {
  readonly name: string;
  readonly clusterIp: string;
  readonly nodePort: number;
  readonly endpoints: readonly string[];
}

export function generate(count: number, endpointsEach: number): Generated {
  const services = Array.from({ length: count }, (_, index): GeneratedService => ({
    name: `ns-${index % 50}/service-${index}:http`,
    clusterIp: `10.96.${index >> 8}.${index & 255}`,
    nodePort: 20000 + index,
    endpoints: Array.from({ length: endpointsEach }, (_unused, n) => {
      const host = index * endpointsEach + n;
      return `10.${128 + ((host >> 16) & 63)}.${(host >> 8) & 255}.${host & 255}:8080`;
    }),
  }));
  return { iptables: iptablesSave(services), nft: nftRuleset(services), services };
}

/** kube-proxy's names for its chains (pkg/proxy/iptables): the first 16 letters of base32(sha256). */
export function chainHash(...parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('')).digest();
  let bits = '';
  for (const byte of digest.subarray(0, 10)) bits += byte.toString(2).padStart(8, '0');
  return Array.from({ length: 16 }, (_, n) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt(parseInt(bits.slice(n * 5, n * 5 + 5), 2)),
  ).join('');
}

function iptablesSave(services: readonly GeneratedService[]): string {
  const chains: string[] = [];
  const rules: string[] = [];
  const top: string[] = [];
  const nodePorts: string[] = [];
  for (const { name, clusterIp, nodePort, endpoints } of services) {
    const hash = chainHash(name, 'tcp');
    const many = endpoints.length > 1000;
    chains.push(`:KUBE-EXT-${hash} - [0:0]`, `:KUBE-SVC-${hash} - [0:0]`);
    top.push(
      `-A KUBE-SERVICES -d ${clusterIp}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80 -j KUBE-SVC-${hash}`,
    );
    nodePorts.push(
      `-A KUBE-NODEPORTS -p tcp -m comment --comment "${name}" -m tcp --dport ${nodePort} -j KUBE-EXT-${hash}`,
    );
    rules.push(
      `-A KUBE-EXT-${hash} -m comment --comment "masquerade traffic for ${name} external destinations" -j KUBE-MARK-MASQ`,
      `-A KUBE-EXT-${hash} -j KUBE-SVC-${hash}`,
      `-A KUBE-SVC-${hash} ! -s 10.128.0.0/10 -d ${clusterIp}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ`,
    );
    endpoints.forEach((endpoint, index) => {
      const sep = `KUBE-SEP-${chainHash(name, 'tcp', endpoint)}`;
      const left = endpoints.length - index;
      const comment = (text: string): string => (many ? '' : `-m comment --comment "${text}" `);
      const chance = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(11)} ` : '';
      chains.push(`:${sep} - [0:0]`);
      rules.push(
        `-A KUBE-SVC-${hash} ${comment(`${name} -> ${endpoint}`)}${chance}-j ${sep}`,
        `-A ${sep} -s ${endpoint.split(':')[0]}/32 ${comment(name)}-j KUBE-MARK-MASQ`,
        `-A ${sep} -p tcp ${comment(name)}-m tcp -j DNAT --to-destination ${endpoint}`,
      );
    });
  }
  return [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ':KUBE-MARK-MASQ - [0:0]',
    ':KUBE-NODEPORTS - [0:0]',
    ':KUBE-POSTROUTING - [0:0]',
    ':KUBE-SERVICES - [0:0]',
    ...chains,
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...top,
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ...nodePorts,
    ...rules,
    'COMMIT',
    '',
  ].join('\n');
}

function nftRuleset(services: readonly GeneratedService[]): string {
  const common = { family: 'ip', table: 'kube-proxy' };
  const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
  const port = [{ meta: { key: 'l4proto' } }, payload('th', 'dport')];
  const mark = {
    mangle: { key: { meta: { key: 'mark' } }, value: { '|': [{ meta: { key: 'mark' } }, 0x4000] } },
  };
  const chainNames = services.map(({ name }) => {
    const [namespace = '', service = ''] = name.replace(':http', '').split('/');
    return `${chainHash(name, 'tcp').slice(0, 8)}-${namespace}/${service}/tcp/http`;
  });
  const base = (name: string, hook: string, prio: number) => ({
    chain: { ...common, name, type: 'nat', hook, prio, policy: 'accept' },
  });
  const rule = (chain: string, ...expr: unknown[]) => ({ rule: { ...common, chain, expr } });
  const objects: unknown[] = [
    { set: { ...common, name: 'cluster-ips', type: 'ipv4_addr', elem: services.map((s) => s.clusterIp) } },
    { set: { ...common, name: 'nodeport-ips', type: 'ipv4_addr', elem: ['10.100.0.2'] } },
    {
      map: {
        ...common,
        name: 'service-ips',
        map: 'verdict',
        elem: services.map((s, n) => [
          { concat: [s.clusterIp, 'tcp', 80] },
          { goto: { target: `service-${chainNames[n] ?? ''}` } },
        ]),
      },
    },
    {
      map: {
        ...common,
        name: 'service-nodeports',
        map: 'verdict',
        elem: services.map((s, n) => [
          { concat: ['tcp', s.nodePort] },
          { goto: { target: `external-${chainNames[n] ?? ''}` } },
        ]),
      },
    },
    base('nat-prerouting', 'prerouting', -100),
    base('nat-postrouting', 'postrouting', 100),
    { chain: { ...common, name: 'services' } },
    { chain: { ...common, name: 'masquerading' } },
    rule('nat-prerouting', { jump: { target: 'services' } }),
    rule('nat-postrouting', { jump: { target: 'masquerading' } }),
    rule('services', { vmap: { key: { concat: [payload('ip', 'daddr'), ...port] }, data: '@service-ips' } }),
    rule(
      'services',
      { match: { op: '==', left: payload('ip', 'daddr'), right: '@nodeport-ips' } },
      { vmap: { key: { concat: port }, data: '@service-nodeports' } },
    ),
    rule(
      'masquerading',
      { match: { op: '!=', left: { '&': [{ meta: { key: 'mark' } }, 0x4000] }, right: 0 } },
      { masquerade: { flags: 'fully-random' } },
    ),
  ];
  services.forEach(({ endpoints }, n) => {
    const name = chainNames[n] ?? '';
    const set = endpoints.map((endpoint, index) => {
      const [ip, number] = endpoint.split(':');
      return [index, { concat: [ip, Number(number)] }];
    });
    const key = { numgen: { mode: 'random', mod: endpoints.length, offset: 0 } };
    objects.push(
      { chain: { ...common, name: `service-${name}` } },
      { chain: { ...common, name: `external-${name}` } },
      rule(`service-${name}`, { dnat: { family: 'ip', addr: { map: { key, data: { set } } } } }),
      rule(`external-${name}`, mark),
      rule(`external-${name}`, { goto: { target: `service-${name}` } }),
    );
  });
  return JSON.stringify({ nftables: objects });
}
