/** What a network out of namespaces is made of, and the words to describe one. */

export interface Namespace {
  readonly name: string;
  /** Path under /proc/sys, relative to the namespace. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Lines for `ip -n NAMESPACE -batch -`, run once all wires are in place. */
  readonly setup: readonly string[];
  readonly servers: readonly Server[];
}

/** A server of the lab's own (`peer/serve.py`), or a real one. */
export type Server = Peer | Daemon;

export interface Peer {
  readonly name: string;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  readonly sctp: readonly number[];
}

/**
 * A program of Debian's. It has a /tmp of its own, which ends with it: nothing of it stands on the machine's disk.
 */
export interface Daemon {
  readonly name: string;
  /** What /proc/PID/comm says. */
  readonly program: 'nginx' | 'haproxy' | 'dnsmasq';
  /** Texts by path in its /tmp. */
  readonly files: Readonly<Record<string, string>>;
  /** Run one after the other; the last leaves the daemon behind and ends once it listens. */
  readonly commands: readonly (readonly [string, ...string[]])[];
}

export interface End {
  readonly namespace: string;
  readonly device: string;
  readonly mac?: string;
}

/** A veth pair. */
export type Wire = readonly [End, End];

/** A device of the machine's own, which leads to another machine. */
export interface Cable extends End {
  /** Its name as long as nobody has it. */
  readonly is: string;
}

export interface Topology {
  readonly namespaces: readonly Namespace[];
  readonly wires: readonly Wire[];
  readonly cables?: readonly Cable[];
}

/** A program to run inside a namespace, with its standard input. */
export interface Program {
  readonly namespace: string;
  readonly command: readonly [string, ...string[]];
  readonly input: string;
}

export interface Blueprint extends Topology {
  /** In the order in which each namespace needs them. */
  readonly rules: readonly Program[];
  /** Run one after the other once all else stands. */
  readonly changes?: readonly Program[];
}

interface Ports {
  readonly tcp?: readonly number[];
  readonly udp?: readonly number[];
  readonly sctp?: readonly number[];
}

export const serving = (name: string, { tcp = [], udp = [], sctp = [] }: Ports): Peer[] => [
  { name, tcp, udp, sctp },
];

export function host(
  name: string,
  addresses: readonly string[],
  gateway: string | undefined,
  gateway6: string | undefined,
  servers: readonly Server[],
): Namespace {
  return {
    name,
    sysctls: quiet,
    setup: [
      'link set lo up',
      'link set eth0 up',
      ...address('eth0', ...addresses),
      ...[gateway, gateway6].filter((via) => via !== undefined).map((via) => `route add default via ${via}`),
    ],
    servers,
  };
}

// Without duplicate address detection addresses are usable at once; without router solicitation it is quiet.
export const quiet = {
  'net/ipv6/conf/default/accept_dad': '0',
  'net/ipv6/conf/default/accept_ra': '0',
  'net/ipv6/conf/default/router_solicitations': '0',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/default/rp_filter': '0',
} as const;

export const forwarding = { 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' } as const;

export const address = (device: string, ...prefixes: readonly string[]): string[] =>
  prefixes.map((prefix) => `address add ${prefix} dev ${device}${prefix.includes(':') ? ' nodad' : ''}`);

/** From a host's eth0, whose address is `ip`, to a device of another namespace. */
export const wire = (namespace: string, ip: string, other: string, device: string): Wire => [
  { namespace, device: 'eth0', mac: mac(ip) },
  { namespace: other, device },
];

/** As the bridge plugin makes them: 0a:58 and the IPv4 address. */
export const mac = (ip: string): string =>
  `0a:58:${ip
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`;
