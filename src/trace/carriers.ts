/**
 * What the heads say of who asked, held against what layer 4 shows: whether the client's own address, lost where a
 * proxy opened a connection of its own, is carried to the server, and by what.
 */
import type { CarriedAddress } from '../events/head.ts';
import type { Exchange } from './exchange.ts';
import { CARRIER_NAMES, proxiedRemedies } from './remedies/proxied.ts';
import type { Carrier, CarriedEntry, ClientIp, Endpoint, Hop, Request } from './request.ts';

/** One leg: what was said on it, and its connection as a request of its own. */
export interface TiedLeg {
  readonly exchange: Exchange;
  readonly base: Request;
}

/**
 * @param hops of all legs
 * @param understood false where the last server took the PROXY header for something else
 * @returns the verdict over all legs
 */
export function clientIpOf(legs: readonly TiedLeg[], hops: readonly Hop[], understood: boolean): ClientIp {
  const first = legs[0] as TiedLeg;
  const { clientIp, client } = first.base;
  const carriers = carriersOf(legs);
  if (legs.length === 1) return { ...clientIp, carriers, text: clientIp.text + ownWords(carriers, client) };
  const seen = legs.at(-1)?.base.sourceSeenByServer?.ip;
  if (seen === client.ip && clientIp.verdict !== 'lost') {
    const text = `The server saw ${seen}, the client's own address: the proxy in between has the same.`;
    return { verdict: 'preserved', carriers, text, remedies: [] };
  }
  const lost = lossOf(first.base, hops);
  const last = carriers.filter(
    ({ leg, kind }) => leg === legs.length - 1 && (understood || kind !== 'proxy-protocol'),
  );
  const words = `${lost.text} ${carriersInWords(last, first.base)}`;
  const verdict = last.some(({ isClient }) => isClient)
    ? 'carried'
    : last.length > 0
      ? 'forged-or-stale'
      : 'lost';
  return {
    verdict,
    ...lost.at,
    carriers,
    text: words.trim(),
    remedies: proxiedRemedies({
      legs: legs.map(({ base }) => base),
      verdict,
      carriers: last,
      understood,
      isHttp: legs.at(-1)?.exchange.asked?.message.what === 'http-request',
    }),
  };
}

interface Loss {
  readonly at: Pick<ClientIp, 'lostAtHop' | 'cause' | 'responsible'>;
  readonly text: string;
}

/** Before the first proxy, else at it: what a proxy dials has its own address. */
function lossOf({ clientIp, client, server }: Request, hops: readonly Hop[]): Loss {
  const { verdict, lostAtHop, cause, responsible, text } = clientIp;
  if (verdict === 'lost') {
    return {
      at: {
        ...(lostAtHop !== undefined && { lostAtHop }),
        ...(cause !== undefined && { cause }),
        ...(responsible && { responsible }),
      },
      text,
    };
  }
  const at = hops.findIndex(({ kind }) => kind === 'proxy');
  const proxy = hops[at];
  const where = proxy?.netns?.name ?? proxy?.node ?? 'A proxy';
  const by = proxy?.process === undefined ? '' : ` (${proxy.process.comm})`;
  const object = server?.kind === 'pod' ? `Pod ${server.name ?? server.ip}` : where;
  return {
    at: { ...(at !== -1 && { lostAtHop: at, responsible: { object: `${object}${by}` } }), cause: 'proxy' },
    text: `${where}${by} took the request of ${client.ip} and opened a connection of its own, from its own address.`,
  };
}

function carriersOf(legs: readonly TiedLeg[]): Carrier[] {
  const client = legs[0]?.base.client.ip;
  return legs.flatMap(({ exchange }, leg) => {
    const source = exchange.connection.dialogue?.proxyHeader?.source;
    const asked = exchange.asked?.message;
    const carried = asked?.what === 'http-request' ? asked.carried : [];
    return [
      ...(source === undefined
        ? []
        : [{ kind: 'proxy-protocol' as const, values: [source.ip], leg, isClient: source.ip === client }]),
      ...carried.map((one) => carrierOf(one, leg, legs)),
    ];
  });
}

function carrierOf({ kind, values }: CarriedAddress, leg: number, legs: readonly TiedLeg[]): Carrier {
  const entries = entriesOf(kind, values, leg, legs);
  // What the first proxy added counts; without any, what the client sent itself.
  const told = entries.find(({ from }) => from !== 'client-itself') ?? entries[0];
  const isClient = told !== undefined && bareAddress(told.value) === legs[0]?.base.client.ip;
  return { kind, values: [...values], leg, isClient, ...(entries.length > 0 && { entries }) };
}

/** Each value, and who put it there: each proxy adds one at the end, or puts its own in the place of all. */
function entriesOf(
  kind: CarriedAddress['kind'],
  values: readonly string[],
  leg: number,
  legs: readonly TiedLeg[],
): CarriedEntry[] {
  let known: CarriedEntry[] = [];
  for (let i = 0; i <= leg; i++) {
    const here = i === leg ? values : valuesOn(legs[i], kind);
    if (here === undefined) continue;
    const kept =
      here.length >= known.length && known.every(({ value }, at) => value === here[at]) ? known : [];
    const from = i === 0 ? 'client-itself' : 'proxy';
    const proxy = legs[i - 1]?.base.server;
    known = [
      ...kept,
      ...here.slice(kept.length).map((value): CarriedEntry => ({
        value,
        from,
        ...(from === 'proxy' && proxy?.name !== undefined && { addedBy: proxy.name }),
      })),
    ];
  }
  return known;
}

function valuesOn(leg: TiedLeg | undefined, kind: CarriedAddress['kind']): readonly string[] | undefined {
  const asked = leg?.exchange.asked?.message;
  if (asked?.what !== 'http-request') return undefined;
  return asked.carried.find((one) => one.kind === kind)?.values;
}

function carriersInWords(carriers: readonly Carrier[], first: Request): string {
  if (carriers.length === 0) return 'No header that its server reads carries the client to it.';
  return carriers.map((carrier) => carrierInWords(carrier, first)).join(' ');
}

function carrierInWords({ kind, values, isClient, entries }: Carrier, first: Request): string {
  const client = first.client.ip;
  const told = `${CARRIER_NAMES[kind]} says ${values.join(', ')}`;
  const own = entries?.filter(({ from }) => from === 'client-itself') ?? [];
  const added = entries?.find(({ from }) => from === 'proxy');
  if (isClient) {
    const others =
      own.length === 0 || added === undefined ? '' : `; ${listed(own)} came from the client itself`;
    return `${told}: ${values.length > 1 ? `${client} is the client` : 'the client'}${others}.`;
  }
  if (added === undefined && own.length > 0)
    return `${told}: it came from the client itself, which is ${client}.`;
  const seen = first.sourceSeenByServer?.ip;
  const rewritten = seen !== client && (added?.value ?? values[0]) === seen;
  return `${told}: not the client ${client}${rewritten ? ', whose address was rewritten before the proxy' : ''}.`;
}

/** On a connection straight to the server headers say only what the client wants it to believe. */
function ownWords(carriers: readonly Carrier[], client: Endpoint): string {
  const strange = carriers.filter(({ isClient }) => !isClient);
  if (strange.length === 0) return '';
  const told = strange.map(({ kind, values }) => `${CARRIER_NAMES[kind]} ${values.join(', ')}`).join(' and ');
  return ` ${told} was sent by ${client.ip} itself: a proxy that is not traced here, or forged.`;
}

const listed = (entries: readonly CarriedEntry[]): string => entries.map(({ value }) => value).join(', ');

/** `192.0.2.1:4711` and `[2001:db8::1]:4711`, as some proxies write them, without the port. */
function bareAddress(value: string): string {
  if (value.startsWith('[')) return value.slice(1, value.indexOf(']'));
  const colon = value.indexOf(':');
  return colon !== -1 && colon === value.lastIndexOf(':') ? value.slice(0, colon) : value;
}
