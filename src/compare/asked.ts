/**
 * Which requests are comparable: those that ask for the same, in the same way. Ports that the client's kernel chose,
 * names that a ReplicaSet made up and identifiers within paths do not count.
 */
import { formatEndpoint } from '../events/tuple.ts';
import { lookupOf } from '../trace/exchange-words.ts';
import type { Endpoint, Http, Request } from '../trace/request.ts';

/** What a kind of request asks for, in words that both recordings can say. */
export interface Asked {
  readonly protocol: Request['protocol'];
  /** `external 198.51.100.0/24`, `pod default/client on node-a`. */
  readonly from: string;
  /** `namespace/name:port`, where a Service was dialled. */
  readonly service?: string;
  /** The address and port dialled; a pod dialled directly goes by its name. */
  readonly to: string;
  /** `GET example.com/a/*`, `A web.default.svc.cluster.local`, `TLS example.com`; absent where nothing is known of it. */
  readonly what?: string;
}

export function askedBy(request: Request): Asked {
  const { protocol, client, dialled } = request;
  const service = serviceOf(dialled);
  const what = whatOf(request);
  return {
    protocol,
    from: clientWords(client),
    ...(service !== undefined && { service }),
    to: dialledWords(dialled),
    ...(what !== undefined && { what }),
  };
}

/** Equal for requests of one kind. */
export const keyOf = ({ protocol, from, service, to, what }: Asked): string =>
  [protocol, service, to, from, what].join('\n');

/** Equal for kinds that differ in no more than the address of the Service and the node that the client runs on. */
export const looseKeyOf = ({ protocol, from, service, to, what }: Asked): string =>
  [protocol, service ?? to, from.replace(/ on \S+$/, ''), what].join('\n');

/** `default/web:http`. */
const serviceOf = ({ kind, name, portName }: Endpoint): string | undefined =>
  kind !== 'service' || name === undefined
    ? undefined
    : portName === undefined
      ? name
      : `${name}:${portName}`;

function clientWords({ kind, ip, name, node }: Endpoint): string {
  const on = node === undefined || node === name ? '' : ` on ${node}`;
  if (kind !== 'external' && name !== undefined) return `${kind} ${workloadOf(name)}${on}`;
  return `${kind} ${networkOf(ip)}`;
}

function dialledWords({ kind, ip, port, name }: Endpoint): string {
  if (kind === 'pod' && name !== undefined) {
    return port === undefined ? workloadOf(name) : `${workloadOf(name)}:${String(port)}`;
  }
  return formatEndpoint(ip, port ?? 0);
}

/** Clients of one network are told as one: the /24, of IPv6 the /64. */
function networkOf(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').slice(0, 3).join('.')}.0/24`;
  const [head = '', tail] = ip.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const full = tail === undefined ? groups : [...groups, '0', '0', '0', '0'];
  return `${full.slice(0, 4).join(':')}::/64`;
}

/** The alphabet of names that Kubernetes makes up (k8s.io/apimachinery/pkg/util/rand). */
const MADE_UP = '[bcdfghjklmnpqrstvwxz2456789]';
const SUFFIX = new RegExp(`(?:-${MADE_UP}{4,10}-${MADE_UP}{5}|-${MADE_UP}{5}|-\\d+)$`);

/** `default/web-6c9f5d7b8-x2x7q` and `default/web-0` as `default/web-*`. */
export const workloadOf = (pod: string): string => pod.replace(SUFFIX, '-*');

function whatOf(request: Request): string | undefined {
  const { http, tls } = request;
  if (http !== undefined) return exchangeWords(http, request.dialled);
  const lookup = lookupOf(request);
  if (lookup !== undefined) return `${lookup.type} ${lookup.name}`;
  return tls && `TLS ${tls.sni ?? '(no name)'}`;
}

function exchangeWords({ method, host, path, sni }: Http, dialled: Endpoint): string {
  const name = (host ?? sni ?? '').toLowerCase();
  // Who asks by address says nothing that the address dialled does not.
  const isAddress = name === dialled.ip || name.startsWith(`${dialled.ip}:`) || name.startsWith('[');
  return `${method} ${isAddress || !path.startsWith('/') ? '' : name}${pathClass(path)}`;
}

/** Numbers, UUIDs, digests and the like are of one request; a query is too. */
const IDENTIFIER =
  /^(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*\d)[0-9a-f]{8,}|(?=.*\d)[\w~-]{20,})$/i;

/** `/users/17/orders?page=2` as `/users/:/orders`, with a star for the colon. */
export const pathClass = (path: string): string =>
  path
    .replace(/[?#].*$/s, '')
    .split('/')
    .map((segment) => (IDENTIFIER.test(segment) ? '*' : segment))
    .join('/');
