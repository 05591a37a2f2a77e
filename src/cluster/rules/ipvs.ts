/**
 * IP virtual servers, as `ipvsadm-save -n` prints them, in the model of netfilter's rules. IPVS hangs on two hooks
 * (ip_vs_core.c, ip_vs_ops4): LOCAL_IN for what comes to one of the node's own addresses, to which kube-proxy adds every
 * Service's on `kube-ipvs0`, and LOCAL_OUT for what the node sends itself.
 */
import { LazyChain } from './chain.ts';
import type { Base, Chain, ParsedRule, RuleSet, Step } from './model.ts';

export const IPVS_TABLE = 'ipvs';

/** Just before nat's rewrites of the source, and just after its rewrites of the destination. */
const INPUT: Base = { hook: 'INPUT', type: 'nat', priority: 99, policy: 'accept' };
const OUTPUT: Base = { hook: 'OUTPUT', type: 'nat', priority: -98, policy: 'accept' };

/** Never throws: a line that is not understood makes no rule. */
export function parseIpvs(text: string): RuleSet {
  const servers = serversIn(text);
  return {
    tables: (['ip', 'ip6'] as const).flatMap((family) => {
      const own = servers.filter((server) => server.family === family);
      return own.length === 0 ? [] : [{ family, name: IPVS_TABLE, chains: chainsOf(own) }];
    }),
  };
}

interface VirtualServer {
  readonly line: string;
  readonly family: 'ip' | 'ip6';
  /** As `ipvsadm -L` names it: `TCP 10.3.241.152:80`. */
  readonly name: string;
  readonly asks: readonly Step[];
  readonly reals: RealServer[];
}

interface RealServer {
  readonly line: string;
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  /** Its address is translated; the other methods leave the packet as it is. */
  readonly translates: boolean;
}

function serversIn(text: string): VirtualServer[] {
  const servers = new Map<string, VirtualServer>();
  for (const line of text.split('\n')) {
    const [verb, service = '', address = '', ...options] = line.trim().split(/\s+/);
    const key = `${service} ${address}`;
    if (verb === '-A') {
      const server = virtualServer(line.trim(), service, address, options);
      if (server) servers.set(key, server);
    } else if (verb === '-a') {
      const real = realServer(line.trim(), options);
      if (real) servers.get(key)?.reals.push(real);
    }
  }
  return [...servers.values()];
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['-t', 'tcp'],
  ['-u', 'udp'],
  ['--sctp-service', 'sctp'],
]);

function virtualServer(
  line: string,
  service: string,
  address: string,
  options: readonly string[],
): VirtualServer | undefined {
  if (service === '-f') {
    if (!/^\d{1,10}$/.test(address)) return undefined;
    const mark: Step = {
      kind: 'match',
      match: { kind: 'mark', negated: false, mask: ~0, value: Number(address) | 0 },
    };
    const family = options.includes('-6') ? 'ip6' : 'ip';
    return { line, family, name: `FWM ${address}`, asks: [mark], reals: [] };
  }
  const protocol = PROTOCOLS.get(service);
  const place = parsePlace(address);
  if (protocol === undefined || place === undefined) return undefined;
  const asks: Step[] = [
    { kind: 'match', match: { kind: 'address', negated: false, side: 'dst', exact: place.ip } },
    { kind: 'match', match: { kind: 'protocol', negated: false, protocol } },
  ];
  // Port 0 is any (ip_vs_service_find).
  if (place.port !== 0) {
    asks.push({
      kind: 'match',
      match: { kind: 'port', negated: false, side: 'dst', ranges: [[place.port, place.port]] },
    });
  }
  const family = place.ip.includes(':') ? 'ip6' : 'ip';
  return { line, family, name: `${protocol.toUpperCase()} ${address}`, asks, reals: [] };
}

function realServer(line: string, options: readonly string[]): RealServer | undefined {
  const place = parsePlace(options[options.indexOf('-r') + 1] ?? '');
  if (place === undefined || !options.includes('-r')) return undefined;
  const weight = Number(options[options.indexOf('-w') + 1] ?? 1);
  return { line, ...place, weight, translates: options.includes('-m') };
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
function parsePlace(text: string): { ip: string; port: number } | undefined {
  const [, six, four, port = ''] = /^(?:\[([\da-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const ip = six ?? four;
  return ip === undefined ? undefined : { ip, port: Number(port) };
}

function chainsOf(servers: readonly VirtualServer[]): Map<string, Chain> {
  const chains = new Map<string, Chain>();
  const add = (name: string, base: Base | undefined, rules: () => readonly ParsedRule[]): void => {
    chains.set(name, new LazyChain(name, base, rules, (other) => chains.get(other)));
  };
  const toServers = (): ParsedRule[] =>
    servers.map(({ line, name, asks }) => ({
      text: line,
      steps: [...asks, { kind: 'verdict', verdict: { kind: 'jump', chain: name } }],
    }));
  add(INPUT.hook, INPUT, toServers);
  add(OUTPUT.hook, OUTPUT, toServers);
  for (const server of servers) add(server.name, undefined, () => rulesOf(server));
  return chains;
}

/** As the chain of one is named that this address is asked of. */
export const virtualServerName = (ip: string, port: number, protocol: string): string =>
  `${protocol.toUpperCase()} ${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

/** Schedulers choose, by load, turn or hash; one of weight 0 only keeps the connections that it has. */
function rulesOf({ line, reals }: VirtualServer): ParsedRule[] {
  const rules = reals.map((real): ParsedRule => {
    const { ip: first, port, translates } = real;
    const to = { kind: 'one', target: { first, ports: [port, port] } } as const;
    const chosen: Step = { kind: 'match', match: { kind: 'chance', negated: false, text: 'scheduler' } };
    const verdict: Step = translates
      ? { kind: 'verdict', verdict: { kind: 'dnat', to } }
      : { kind: 'verdict', verdict: { kind: 'accept' } };
    return { text: `${line}; ${real.line}`, steps: [chosen, verdict] };
  });
  // Nobody to send it to: ip_vs_leave answers with ICMP port unreachable.
  const refusal: ParsedRule = { text: line, steps: [{ kind: 'verdict', verdict: { kind: 'reject' } }] };
  return reals.some(({ weight }) => weight > 0) ? rules : [...rules, refusal];
}
