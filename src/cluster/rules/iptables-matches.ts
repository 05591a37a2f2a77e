import { parseRange } from './address.ts';
import type { IpSets } from './ipset.ts';
import type { Match, PortRange, Side } from './model.ts';

export interface MatchOption {
  /** The extension named by the last `-m`. */
  readonly module: string;
  readonly option: string;
  readonly values: readonly string[];
  readonly negated: boolean;
  readonly family: 'ip' | 'ip6';
  readonly sets: IpSets;
}

/** What one option of iptables asks of a packet that opens a connection. */
export function optionMatch(given: MatchOption): Match | 'always' {
  const read = READERS.get(given.option);
  return (read ? read(given) : moduleMatch(given)) ?? unknown(given);
}

type Reader = (given: MatchOption) => Match | 'always' | undefined;

const READERS: ReadonlyMap<string, Reader> = new Map(
  Object.entries<Reader>({
    '-s': (given) => address(given, 'src'),
    '-d': (given) => address(given, 'dst'),
    '--src-range': (given) => address(given, 'src'),
    '--dst-range': (given) => address(given, 'dst'),
    '-p': protocol,
    '-i': (given) => device(given, 'in'),
    '-o': (given) => device(given, 'out'),
    '--dport': (given) => ports(given, 'dst'),
    '--dports': (given) => ports(given, 'dst'),
    '--sport': (given) => ports(given, 'src'),
    '--sports': (given) => ports(given, 'src'),
    '--ports': (given) => ports(given, 'either'),
    '--ctstate': conntrack,
    '--state': conntrack,
    '--ctstatus': conntrackStatus,
    '--src-type': (given) => addressType(given, 'src'),
    '--dst-type': (given) => addressType(given, 'dst'),
    '--mark': mark,
    '--match-set': ({ values: [name = '', flags = ''], negated, sets }) => sets.match(name, flags, negated),
    '--syn': ({ negated }) => (negated ? never : 'always'),
    '--tcp-flags': tcpFlags,
    // xt_recent with --set, xt_nfacct and the accounting of a match only take note of the packet.
    '--set': ({ negated }) => (negated ? undefined : 'always'),
    '--nfacct-name': () => 'always',
  }),
);

/** Options of extensions whose outcome is luck or memory; the first stands for the whole. */
const CHANCE: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries<readonly string[]>({
    statistic: ['--mode'],
    recent: ['--rcheck', '--update', '--remove'],
    limit: ['--limit'],
    hashlimit: ['--hashlimit-upto', '--hashlimit-above'],
    connlimit: ['--connlimit-upto', '--connlimit-above'],
    quota: ['--quota'],
  }),
);

const CHANCE_DETAILS =
  /^--(?:probability|every|packet|seconds|reap|hitcount|rttl|name|mask|rsource|rdest|limit-burst|hashlimit-.*|connlimit-.*)$/;

function moduleMatch({ module, option, values, negated }: MatchOption): Match | 'always' | undefined {
  const leading = CHANCE.get(module);
  if (!leading) return undefined;
  if (leading.includes(option)) {
    return { kind: 'chance', negated, text: ['-m', module, option, ...values].join(' ') };
  }
  return CHANCE_DETAILS.test(option) ? 'always' : undefined;
}

function unknown({ module, option, values, negated }: MatchOption): Match {
  return { kind: 'unknown', negated, text: [...(module ? ['-m', module] : []), option, ...values].join(' ') };
}

/** What no packet that opens a connection is. */
const never: Match = { kind: 'conntrack', negated: false, states: ['established'] };

function address({ values: [value = ''], negated }: MatchOption, side: Side): Match | undefined {
  const slash = value.indexOf('/');
  const host = value.endsWith('/32') ? !value.includes(':') : value.endsWith('/128');
  if (host || (slash < 0 && !value.includes('-'))) {
    return { kind: 'address', negated, side, exact: slash < 0 ? value : value.slice(0, slash) };
  }
  const range = parseRange(value);
  return range && { kind: 'address', negated, side, range };
}

const PROTOCOLS: ReadonlyMap<string, string> = new Map(
  Object.entries<string>({
    '6': 'tcp',
    '17': 'udp',
    '132': 'sctp',
    '1': 'icmp',
    '58': 'icmp',
    icmpv6: 'icmp',
    'ipv6-icmp': 'icmp',
  }),
);

export const protocolName = (name: string): string => PROTOCOLS.get(name) ?? name;

function protocol({ values: [value = ''], negated }: MatchOption): Match | 'always' {
  const name = protocolName(value);
  return name === 'all' || name === '0' ? 'always' : { kind: 'protocol', negated, protocol: name };
}

function device({ values: [value = ''], negated }: MatchOption, side: 'in' | 'out'): Match {
  return { kind: 'device', negated, side, name: value.endsWith('+') ? `${value.slice(0, -1)}*` : value };
}

function ports({ values: [value = ''], negated }: MatchOption, side: Side | 'either'): Match | undefined {
  const ranges: PortRange[] = [];
  for (const part of value.split(',')) {
    const range = portRange(part, ':');
    if (!range) return undefined;
    ranges.push(range);
  }
  return { kind: 'port', negated, side, ranges };
}

/** `80`, `80:90`, `:90`, `80:`. */
export function portRange(text: string, separator: ':' | '-'): PortRange | undefined {
  const [from = '', to = from] = text.split(separator);
  const first = from === '' ? 0 : Number(from);
  const last = to === '' ? 65535 : Number(to);
  return text !== '' && Number.isInteger(first) && Number.isInteger(last) ? [first, last] : undefined;
}

function conntrack({ values: [value = ''], negated }: MatchOption): Match {
  return { kind: 'conntrack', negated, states: value.toLowerCase().split(',') };
}

function conntrackStatus(given: MatchOption): Match | undefined {
  const [value = ''] = given.values;
  return /^(?:DNAT|SNAT|,)+$/.test(value) ? conntrack(given) : undefined;
}

function addressType({ values: [value = ''], negated }: MatchOption, side: Side): Match {
  return { kind: 'address-type', negated, side, types: value.toLowerCase().split(',') };
}

function mark({ module, values: [value = ''], negated }: MatchOption): Match | undefined {
  // The connection's mark (-m connmark) has the same option and is not known here.
  if (module !== 'mark') return undefined;
  const [wanted = '', mask = '0xffffffff'] = value.split('/');
  return isNumber(wanted) && isNumber(mask)
    ? { kind: 'mark', negated, value: Number(wanted) | 0, mask: Number(mask) | 0 }
    : undefined;
}

export const isNumber = (text: string): boolean => /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text);

/** Flags looked at, flags that must be set; the first segment has SYN alone. */
function tcpFlags({ values: [mask = '', wanted = ''], negated }: MatchOption): Match | 'always' {
  const looked = mask.split(',');
  const set = wanted === 'NONE' ? [] : wanted.split(',');
  const syn = looked.includes('SYN') || looked.includes('ALL');
  const matches = syn ? set.length === 1 && set[0] === 'SYN' : set.length === 0;
  return matches === negated ? never : 'always';
}
