/**
 * What was asked and answered, and what the heads say of who asked, in the fewest words. The texts are as they stand in
 * the request: whoever shows them cleans and cuts them.
 */
import { splitEndpoint } from './filter/way.ts';
import type { Carrier, Dns, Http, Request } from './request.ts';

/** `GET example.com/a/pings`; a target that names its host already (to a forward proxy, CONNECT) stands alone. */
export function askedWords({ method, host, path, sni }: Http): string {
  if (path.startsWith('/')) return `${method} ${host ?? sni ?? ''}${path}`;
  return path === '*' && host !== undefined ? `${method} ${host} *` : `${method} ${path}`;
}

/** `GET example.com/a/pings 200`. */
export function exchangeWords(http: Http): string {
  return http.status === undefined ? askedWords(http) : `${askedWords(http)} ${String(http.status)}`;
}

/** `TLS example.com`: all that can be told where what is asked is not seen. */
export const helloWords = ({ sni }: NonNullable<Request['tls']>): string => `TLS ${sni ?? '(no name)'}`;

/** The look-up that the request is itself; absent for the one before its dial. */
export const lookupOf = ({ dns }: Request): Dns | undefined => (dns?.id === undefined ? dns : undefined);

/** The look-up that gave the dialled address. */
export const lookupBefore = ({ dns }: Request): Dns | undefined => (dns?.id === undefined ? undefined : dns);

/** `A a-service.default.svc.cluster.local NOERROR 10.3.241.152`. */
export function lookupWords({ type, name, rcode, answers }: Dns): string {
  return [type, name, rcode, ...answers].filter((word) => word !== undefined).join(' ');
}

/** What servers are set to trust, the most usual first. */
const USUAL: readonly Carrier['kind'][] = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'proxy-protocol'];

/** The carrier that the verdict rests on: of those that say so, the one that the last server gets. */
export function decisiveCarrier({ clientIp }: Request): Carrier | undefined {
  const { verdict, carriers } = clientIp;
  if (verdict !== 'carried' && verdict !== 'forged-or-stale') return undefined;
  const saying = carriers.filter(({ isClient }) => isClient === (verdict === 'carried'));
  const last = saying.filter(({ leg }) => leg === saying.at(-1)?.leg);
  return USUAL.map((kind) => last.find((carrier) => carrier.kind === kind)).find((one) => one !== undefined);
}

/** Of the addresses a carrier names: the client's if it is among them, else all. */
export function carriedWords(carrier: Carrier, request: Request): string {
  const own = carrier.values.find((value) => splitEndpoint(value).ip === request.client.ip);
  return carrier.isClient && own !== undefined ? own : carrier.values.join(', ');
}

/** `x-forwarded-for 198.51.100.7`; absent where the verdict rests on no head. */
export function carrierWords(request: Request): string | undefined {
  const carrier = decisiveCarrier(request);
  return carrier && `${carrier.kind} ${carriedWords(carrier, request)}`;
}
