/**
 * What one can filter by. Each field turns one value of the user's into a test, once; a test looks at the
 * whole way, before and after every rewrite.
 */
import ipaddr from 'ipaddr.js';
import { UsageError } from '../../events/errors.ts';
import { nearest } from '../../events/suggest.ts';
import type { FailureKind, HopKind, LossCause, Request } from '../request.ts';
import { exchangesOf, hopsOf, nodesOf, podsOf, servicesOf, wayOf } from './way.ts';

export type Test = (request: Request) => boolean;

export interface Field {
  readonly name: string;
  readonly short?: string;
  /** Another name, for where it is typed as NAME=VALUE. */
  readonly alias?: string;
  /** As help prints it after the flag. */
  readonly value: string;
  readonly help: string;
  /** All values there are; absent where any text may stand. */
  readonly choices?: readonly string[];
  readonly test: (value: string) => Test;
}

const NAT = ['dnat', 'snat', 'masquerade', 'redirect'] as const satisfies readonly HopKind[];
const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp'] as const satisfies readonly Request['protocol'][];
const VERDICTS = [
  'preserved',
  'lost',
  'carried',
  'forged-or-stale',
  'unknown',
] as const satisfies readonly Request['clientIp']['verdict'][];
const STATES = [
  'open',
  'established',
  'closed',
  'refused',
  'rejected',
  'dropped',
  'unanswered',
] as const satisfies readonly Request['state'][];

/** Every one there is, so that one added to the type cannot be forgotten here. */
const CAUSES = Object.keys({
  'masquerade-external-traffic-policy': true,
  'masquerade-hairpin': true,
  'masquerade-off-cluster': true,
  'masquerade-all': true,
  'masquerade-cni-outgoing': true,
  'masquerade-hostport': true,
  'snat-rule': true,
  proxy: true,
  'load-balancer': true,
} satisfies Record<LossCause, true>);
const FAILURES = Object.keys({
  refused: true,
  'rejected-no-endpoints': true,
  'rejected-by-rule': true,
  'dropped-by-rule': true,
  'dropped-by-kernel': true,
  'no-local-endpoint': true,
  unanswered: true,
  reset: true,
  'conntrack-full': true,
  'conntrack-clash': true,
  'stale-conntrack': true,
  'asymmetric-reply': true,
  'dns-nxdomain': true,
  'dns-unanswered': true,
  'proxy-protocol-mismatch': true,
} satisfies Record<FailureKind, true>);

export const FIELDS: readonly Field[] = [
  {
    name: 'ip',
    value: '<address|cidr>',
    help: 'an address anywhere on the way, before or after any rewrite, or in a header that names the client',
    test: (value) => {
      const inside = addressTest('ip', value);
      return (request) => {
        const way = wayOf(request);
        return some(way.sources, inside) || some(way.destinations, inside);
      };
    },
  },
  {
    name: 'from-ip',
    value: '<address|cidr>',
    help: 'an address the client has, is given on the way, or is named by in a header',
    test: (value) => {
      const inside = addressTest('from-ip', value);
      return (request) => some(wayOf(request).sources, inside);
    },
  },
  {
    name: 'to-ip',
    value: '<address|cidr>',
    help: 'an address that was dialled or that it was sent on to',
    test: (value) => {
      const inside = addressTest('to-ip', value);
      return (request) => some(wayOf(request).destinations, inside);
    },
  },
  {
    name: 'port',
    value: '<number>',
    help: 'a port anywhere on the way, of either end',
    test: (value) => {
      const port = Number(value);
      if (!/^\d{1,5}$/.test(value) || port < 1 || port > 65535) {
        throw new UsageError(`port: "${value}" is not a port`, 'give a number from 1 to 65535');
      }
      return (request) => wayOf(request).ports.has(port);
    },
  },
  {
    name: 'protocol',
    value: '<name>',
    help: 'of the transport',
    choices: PROTOCOLS,
    test: (value) => (request) => request.protocol === value,
  },
  {
    name: 'service',
    value: '<ns/name>',
    help: 'a Service on the way; its port may follow, as in default/web:http; a name alone: in any namespace',
    test: (value) => {
      const isNamed = nameTest('service', value);
      return (request) => some(servicesOf(request), isNamed);
    },
  },
  {
    name: 'pod',
    value: '<ns/name>',
    help: 'a pod that asks, serves or is crossed; a name alone: in any namespace',
    test: (value) => {
      const isNamed = nameTest('pod', value);
      return (request) => some(podsOf(request), isNamed);
    },
  },
  {
    name: 'server',
    value: '<ns/name|address|cidr>',
    help: 'who served it in the end, by name or address',
    test: (value) => {
      const inside = parseRange(value);
      if (inside !== undefined) return ({ server }) => server !== undefined && inside(server.ip);
      const isNamed = nameTest('server', value);
      return ({ server }) => server?.name !== undefined && isNamed(server.name);
    },
  },
  {
    name: 'namespace',
    short: 'n',
    value: '<name>',
    help: 'the Kubernetes namespace of a Service or pod on the way',
    test: (value) => (request) =>
      some(servicesOf(request), (name) => name.startsWith(`${value}/`)) ||
      some(podsOf(request), (name) => name.startsWith(`${value}/`)),
  },
  {
    name: 'node',
    value: '<name>',
    help: 'a node crossed',
    test: (value) => (request) => nodesOf(request).has(value),
  },
  {
    name: 'nat',
    value: '<kind>',
    help: 'a rewrite on the way',
    choices: [...NAT, 'none'],
    test: (value) =>
      value === 'none'
        ? (request) => !hopsOf(request).some((hop) => isNat(hop.kind))
        : // The reply's rewrites undo these; they are not rewrites of their own.
          (request) => request.hops.some((hop) => hop.kind === value),
  },
  {
    name: 'verdict',
    alias: 'client-ip',
    value: '<word>',
    help: "what became of the client's address",
    choices: VERDICTS,
    test: (value) => (request) => request.clientIp.verdict === value,
  },
  {
    name: 'cause',
    value: '<word>',
    help: "why the client's address was lost",
    choices: [...CAUSES, 'none'],
    test: (value) => (request) => (request.clientIp.cause ?? 'none') === value,
  },
  {
    name: 'failure',
    value: '<word>',
    help: 'what broke on the way, as told in words; what HTTP answers is http-status',
    choices: [...FAILURES, 'none'],
    test: (value) => (request) => (request.failure?.kind ?? 'none') === value,
  },
  {
    name: 'state',
    value: '<word>',
    help: 'how it stands or ended',
    choices: STATES,
    test: (value) => (request) => request.state === value,
  },
  {
    name: 'http-method',
    value: '<name>',
    help: 'of an HTTP request, on any leg: GET, POST, …',
    test: (value) => {
      // RFC 9110, 5.6.2: a token.
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(value)) {
        throw new UsageError(`http-method: "${value}" is not a method`, 'give it as GET or POST');
      }
      const method = value.toUpperCase();
      return (request) => exchangesOf(request).some((http) => http.method.toUpperCase() === method);
    },
  },
  {
    name: 'http-host',
    value: '<name>',
    help: 'the host asked for, on any leg, by Host or by TLS SNI; with or without its port',
    test: (value) => {
      if (!/^[\w.:[\]-]+$/.test(value)) {
        throw new UsageError(
          `http-host: "${value}" is not a host`,
          'give it as example.com or example.com:8080',
        );
      }
      const host = value.toLowerCase();
      const named = (name: string | undefined): boolean =>
        name !== undefined && [name.toLowerCase(), name.toLowerCase().replace(/:\d*$/, '')].includes(host);
      return (request) =>
        named(request.tls?.sni) || exchangesOf(request).some((http) => named(http.host) || named(http.sni));
    },
  },
  {
    name: 'http-path',
    value: '<path>',
    help: 'the path asked for, on any leg; a * at its end stands for any rest: /a/* (not /a itself)',
    test: (value) => {
      const stem = value.replace(/\*$/, '');
      if (stem.includes('*') || !/^($|\/|https?:\/\/)/.test(stem)) {
        throw new UsageError(
          `http-path: "${value}" is not a path`,
          'give it as /a/pings, or as /a/* for all that begin with /a/',
        );
      }
      const open = stem !== value;
      return (request) =>
        exchangesOf(request).some(({ path }) => (open ? path.startsWith(stem) : path === value));
    },
  },
  {
    name: 'http-status',
    value: '<status>',
    help: 'what was answered, on any leg: 404, or 5xx for a whole class',
    test: (value) => {
      const [, hundred, rest] = /^([1-5])(\d\d|xx)$/i.exec(value) ?? [];
      if (hundred === undefined || rest === undefined) {
        throw new UsageError(`http-status: "${value}" is not a status`, 'give it as 200, 404 or 5xx');
      }
      const low = Number(hundred) * 100 + (rest.toLowerCase() === 'xx' ? 0 : Number(rest));
      const high = rest.toLowerCase() === 'xx' ? low + 99 : low;
      return (request) =>
        exchangesOf(request).some(({ status }) => status !== undefined && low <= status && status <= high);
    },
  },
];

/** The test for one value of a field; a UsageError says what is wrong with either. */
export function testOf(field: Field, value: string): Test {
  if (value === '') throw new UsageError(`${field.name}: a value is missing`, `give ${field.value}`);
  const { choices } = field;
  if (choices === undefined) return field.test(value);
  const word = value.toLowerCase();
  if (choices.includes(word)) return field.test(word);
  const near = nearest(word, choices);
  throw new UsageError(
    `${field.name}: there is no "${value}"`,
    `${near === undefined ? '' : `did you mean ${near}? `}it is one of: ${choices.join(', ')}`,
  );
}

export function fieldNamed(name: string): Field {
  const field = FIELDS.find((f) => f.name === name || f.short === name || f.alias === name);
  if (field !== undefined) return field;
  const names = FIELDS.map((f) => f.name);
  const near = nearest(name, names);
  throw new UsageError(
    `there is no filter "${name}"`,
    `${near === undefined ? '' : `did you mean ${near}? `}there are: ${names.join(', ')}`,
  );
}

/** An address or a range, parsed once; undefined where the text is neither. */
export function parseRange(text: string): ((ip: string) => boolean) | undefined {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0 || !isAddress(address)) return undefined;
  const network = ipaddr.process(address);
  if (length === undefined) {
    const wanted = network.toString();
    return (ip) => ip === wanted || (isAddress(ip) && ipaddr.process(ip).toString() === wanted);
  }
  const bits = Number(length);
  if (!/^\d{1,3}$/.test(length) || bits > (network.kind() === 'ipv4' ? 32 : 128)) return undefined;
  return (ip) => {
    if (!isAddress(ip)) return false;
    const parsed = ipaddr.process(ip);
    return parsed.kind() === network.kind() && parsed.match(network, bits);
  };
}

function addressTest(field: string, value: string): (ip: string) => boolean {
  const inside = parseRange(value);
  if (inside !== undefined) return inside;
  throw new UsageError(
    `${field}: "${value}" is neither an address nor a CIDR`,
    'give it as 10.0.0.1, 10.0.0.0/8, fd00::1 or fd00::/8',
  );
}

/** Stricter than ipaddr.js, which takes `80` and `0x7f.1` for addresses too. */
const isAddress = (text: string): boolean =>
  text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text);

const isNat = (kind: HopKind): boolean => (NAT as readonly HopKind[]).includes(kind);

function some<T>(values: Iterable<T>, test: (value: T) => boolean): boolean {
  for (const value of values) if (test(value)) return true;
  return false;
}

/** `ns/name`, or a name alone for one of any namespace; what follows a colon is a Service's port. */
function nameTest(field: 'service' | 'pod' | 'server', value: string): (name: string) => boolean {
  const [first = '', second, ...rest] = value.split('/');
  if (first === '' || second === '' || rest.length > 0) {
    throw new UsageError(
      `${field}: "${value}" is no name`,
      `give <namespace>/<name>, as in ${field}=default/web, or <name> alone`,
    );
  }
  const isIt = (name: string): boolean => name === value || name.startsWith(`${value}:`);
  return second === undefined ? (name) => isIt(name) || isIt(name.slice(name.indexOf('/') + 1)) : isIt;
}
