/** What comes first: what was asked, what came of it, and what became of the client's address. */
import { carrierWords, askedWords, lookupOf } from '../../trace/exchange-words.ts';
import { splitEndpoint } from '../../trace/filter/way.ts';
import { legsOf } from '../../trace/legs.ts';
import { responsibleWords } from '../../trace/remedies/words.ts';
import type { Carrier, ClientIp, Failure, Request, Verdict } from '../../trace/request.ts';
import { stateAndFailure, tookOf } from '../words.ts';
import { Names, paragraph, placeOf, sentence, whoIs, whoIsWhere } from './parts.ts';
import type { Section } from './parts.ts';

export function answer(request: Request): Section {
  return {
    paragraphs: [paragraph(`${headline(request)} ${asked(request)} ${served(request)}`)],
  };
}

function headline(request: Request): string {
  const took = tookOf(request);
  const after = took === undefined ? '' : ` after ${took}`;
  const lookup = lookupOf(request);
  if (request.http !== undefined) {
    const { status, tls } = request.http;
    const what = askedWords(request.http) + (tls ? ' over TLS' : '');
    if (status !== undefined) return `${what} was answered ${String(status)}${after}.`;
    return isOpen(request)
      ? `${what} has no answer yet.`
      : `${what} had no answer that was seen: ${stateAndFailure(request)}${after}.`;
  }
  if (lookup !== undefined) {
    const what = `The look-up of ${lookup.name} (${lookup.type})`;
    if (lookup.rcode === undefined) return `${what} had no answer that was seen${after}.`;
    const none = lookup.rcode === 'NOERROR' ? ' without an address' : '';
    const found = lookup.answers.length === 0 ? none : ` ${lookup.answers.join(', ')}`;
    return `${what} was answered ${lookup.rcode}${found}${after}.`;
  }
  const kind = {
    tcp: 'A connection',
    udp: 'A UDP exchange',
    sctp: 'An association',
    icmp: 'An echo request',
  }[request.protocol];
  return `${kind} to ${request.dialled.name ?? whoIs(request.dialled)}: ${stateAndFailure(request)}${after}.`;
}

const isOpen = ({ state }: Request): boolean => state === 'open' || state === 'established';

function asked(request: Request): string {
  const what = request.protocol === 'icmp' || lookupOf(request) !== undefined ? 'asked' : 'dialled';
  return `${whoIs(request.client)} ${what} ${whoIs(request.dialled)}.`;
}

function served(request: Request): string {
  const { server, failure } = request;
  if (server !== undefined && request.state !== 'refused') return `${whoIsWhere(server)} served it.`;
  return failure === undefined ? 'Who served it was not seen.' : 'Nobody was seen to serve it.';
}

/** Nothing where nothing failed. */
export function whatBroke(request: Request): Section[] {
  const { failure, hops } = request;
  if (failure === undefined) return [];
  const hop = failure.atHop === undefined ? undefined : hops[failure.atHop];
  const where = hop === undefined ? '' : `, at ${placeOf(hop)}`;
  return [
    {
      title: `WHAT BROKE: ${failure.kind}${where}`,
      about: 'state',
      paragraphs: [
        paragraph(sentence(failure.text)),
        paragraph(MEANINGS[failure.kind]),
        paragraph(`What was seen of it: ${failure.reason}`),
        ...failure.evidence.map((one) => paragraph(`- ${one}`)),
        paragraph(`Next: ${sentence(failure.next)}`),
      ],
    },
  ];
}

const MEANINGS: Readonly<Record<Failure['kind'], string>> = {
  refused:
    'The machine with that address is up and answered itself; no process listens on that port there, and no rule leads elsewhere.',
  'rejected-no-endpoints': 'No pod behind the Service is ready, so kube-proxy lets it be rejected at once.',
  'rejected-by-rule': 'A filter rule answers such packets with an error at once.',
  'dropped-by-rule': 'A filter rule drops such packets in silence: the client waits until it gives up.',
  'dropped-by-kernel':
    'No rule did it, but the kernel itself, for the reason that it gives: routing, reverse-path check, a broken packet, a full queue.',
  'no-local-endpoint':
    'A Service with policy Local hands traffic only to pods on the node that it came to, and that node has none. A node with a pod of it would have served the same request.',
  unanswered:
    'The packets went as far as is told below and no answer was seen: a pod that is gone, a firewall, or a machine that is down.',
  reset:
    'The connection was broken off in the middle, not ended; whatever stands behind that, the way was complete until then.',
  'conntrack-full': 'The table of connections has no room: what is new is dropped, what stands goes on.',
  'conntrack-clash':
    'Two connections became the same one after translation; conntrack keeps the first, and drops the packet of the second.',
  'stale-conntrack':
    'The endpoint was taken out of the rules while conntrack still had the flow: its packets follow the entry, not the rules.',
  'asymmetric-reply':
    'The packet arrived and was answered; the answer took a way on which nobody takes it for one.',
  'dns-nxdomain':
    'The resolver works and knows no such name: the name is wrong, the Service is in another namespace, or it does not exist.',
  'dns-unanswered':
    'The question was sent and no resolver answered; nothing that goes by name works until one does.',
  'proxy-protocol-mismatch':
    'One end speaks the PROXY protocol and the other does not expect it, or waits for it in vain. Both ends must be set alike.',
};

/** A status that complains, and who it comes from: there the network did its part. */
export function whoComplained(request: Request): Section[] {
  const status = request.http?.status;
  if (status === undefined || status < 400 || request.failure !== undefined) return [];
  const legs = legsOf(request);
  const beyond = legs.findIndex((leg) => leg.http?.status !== status);
  const last = beyond === -1 ? legs.length - 1 : beyond - 1;
  const server = legs[last]?.server;
  const who = server === undefined ? 'The server' : whoIs(server);
  const next = legs[last + 1];
  const words = [
    `${who} gave this answer${last > 0 ? ', and what stands before it passed it on' : ''}: the network did its part.`,
  ];
  if (next !== undefined) {
    const behind = next.http?.status === undefined ? 'no answer' : `the answer ${String(next.http.status)}`;
    words.push(`Behind it, ${whoIs(next.dialled)} was asked, and ${behind} was seen.`);
  } else if (GATEWAY.has(status)) {
    words.push(
      `${String(status)} is what a proxy answers when the server behind it fails; no connection behind it could be tied to this request.`,
    );
  }
  return [{ title: `WHO ANSWERED ${String(status)}`, paragraphs: [paragraph(words.join(' '))] }];
}

const GATEWAY: ReadonlySet<number> = new Set([502, 503, 504]);

const VERDICTS: Readonly<Record<Verdict, string>> = {
  preserved: 'preserved',
  lost: 'lost on the way',
  carried: 'lost on the way, but carried',
  'forged-or-stale': 'forged or stale: what a header names is not the client',
  unknown: 'unknown: what was seen does not say',
};

export function clientAddress(request: Request): Section {
  const { clientIp } = request;
  const names = new Names(request);
  const carrier = carrierWords(request);
  const decisive = clientIp.verdict === 'carried' && carrier !== undefined ? ` by ${carrier}` : '';
  const cause = clientIp.cause === undefined ? '' : ` Cause: ${clientIp.cause}${decidedBy(clientIp)}.`;
  return {
    title: `THE CLIENT'S ADDRESS: ${VERDICTS[clientIp.verdict]}${decisive}`,
    about: 'verdict',
    paragraphs: [
      paragraph(`${sawInstead(request, names)}${sentence(clientIp.text)}${cause}`),
      ...clientIp.carriers.map((one) => paragraph(carrierLine(one, request, names))),
    ],
  };
}

/** Which object has the say over it, and how that is set. */
function decidedBy({ responsible }: ClientIp): string {
  return responsible === undefined ? '' : `, by ${responsibleWords(responsible)}`;
}

/** The question as it is asked, answered: which address stands in the server's log, and whose it is. */
function sawInstead({ server, client, sourceSeenByServer: seen }: Request, names: Names): string {
  if (seen === undefined || seen.ip === client.ip) return '';
  const name = seen.name ?? names.nameOf(seen.ip);
  const whose = name === undefined ? '' : `, which is ${name}`;
  return `${server?.name ?? 'The server'} sees ${seen.ip}${whose}, and not the client ${client.ip}. `;
}

function carrierLine(carrier: Carrier, request: Request, names: Names): string {
  const { kind, values, leg } = carrier;
  const whose = values.map((value, at) => {
    const entry = carrier.entries?.[at];
    const own = leg === 0 || entry?.from === 'client-itself';
    const notes = [
      about(value, leg, request, names) ?? (own ? undefined : 'nobody that was seen on the way'),
      own ? 'sent by the client itself' : entry?.addedBy && `added by ${entry.addedBy}`,
    ].filter((note) => note !== undefined);
    return notes.length === 0 ? value : `${value} (${notes.join(', ')})`;
  });
  return `${kind} on leg ${String(leg)}: ${whose.join(', ')}`;
}

/** Whose the address is: the client's, what that became on the way to the proxy, or somebody's on the way. */
function about(value: string, leg: number, request: Request, names: Names): string | undefined {
  const { ip } = splitEndpoint(value);
  if (ip === request.client.ip) return 'the client';
  const became = request.hops.find(
    (hop) =>
      hop.leg < leg &&
      (hop.kind === 'snat' || hop.kind === 'masquerade') &&
      hop.after !== undefined &&
      splitEndpoint(hop.after.src).ip === ip,
  );
  if (became !== undefined) return `what ${placeOf(became)} made of the client's address before the proxy`;
  const sent = request.clientIp.carriers.some((one) => one.leg === 0 && one.values.includes(value));
  return names.nameOf(ip) ?? (leg > 0 && sent ? 'as the client itself had written it' : undefined);
}
