/** A request as far as it is compared. */
import { decisiveCarrier } from '../trace/exchange-words.ts';
import type { Request, Rule } from '../trace/request.ts';
import { askedBy } from './asked.ts';
import type { Asked } from './asked.ts';
import { placeOf, wayOf } from './way.ts';

export const FACETS = ['clientIp', 'outcome', 'httpStatus', 'way', 'rules', 'server'] as const;
export type Facet = (typeof FACETS)[number];

export const TIMINGS = ['connect', 'firstByte', 'duration'] as const;
export type Timing = (typeof TIMINGS)[number];

/** One thing that was so of a request; the text alone makes it equal to another. */
export interface Fact {
  readonly text: string;
  /** Of the way: its steps. */
  readonly steps?: readonly string[];
  /** Of a rule: itself, and where it stands. */
  readonly rule?: Rule & { readonly place: string };
}

export interface Sample {
  readonly asked: Asked;
  readonly facts: Readonly<Record<Facet, readonly Fact[]>>;
  /** The way, where one of the two recordings does not tell devices. */
  readonly changes: Fact;
  /** Milliseconds. */
  readonly times: Readonly<Partial<Record<Timing, number>>>;
  /** Events that may have belonged to it were lost: its way may have holes. */
  readonly holed: boolean;
}

/** Undefined for what began before the recording: its way and times are not known. */
export function sampleOf(request: Request): Sample | undefined {
  if (request.startedAt === undefined) return undefined;
  const { failure, http, server, lostEvents } = request;
  return {
    asked: askedBy(request),
    facts: {
      clientIp: [{ text: verdictWords(request) }],
      outcome: [{ text: failure?.kind ?? (request.state === 'open' ? 'open' : 'answered') }],
      httpStatus: http?.status === undefined ? [] : [{ text: String(http.status) }],
      way: [wayFact(request, false)],
      rules: ruleFacts(request),
      server: server === undefined ? [] : [{ text: server.name ?? server.ip }],
    },
    changes: wayFact(request, true),
    times: timesOf(request),
    holed: lostEvents > 0,
  };
}

function wayFact(request: Request, changesOnly: boolean): Fact {
  const steps = wayOf(request, changesOnly);
  return { text: steps.length === 0 ? 'nothing done to it' : steps.join(' › '), steps };
}

/** `lost at node-a: masquerade-external-traffic-policy`, `carried by x-forwarded-for`. */
function verdictWords(request: Request): string {
  const { verdict, cause, lostAtHop } = request.clientIp;
  const carrier = decisiveCarrier(request);
  const by = carrier === undefined ? '' : ` by ${carrier.kind}`;
  if (verdict !== 'lost') return `${verdict}${by}`;
  const hop = lostAtHop === undefined ? undefined : request.hops[lostAtHop];
  return `lost${hop === undefined ? '' : ` at ${placeOf(hop)}`}${cause === undefined ? '' : `: ${cause}`}`;
}

function ruleFacts({ hops }: Request): Fact[] {
  const facts = new Map<string, Fact>();
  for (const hop of hops) {
    if (hop.rule === undefined) continue;
    const place = placeOf(hop);
    const { family, table, via, chain, text } = hop.rule;
    const words = `${place}, ${family} ${table}: ${[...via, chain].join(' › ')}: ${text}`;
    facts.set(words, { text: words, rule: { ...hop.rule, place } });
  }
  return [...facts.values()];
}

function timesOf({ protocol, state, durationMs, http, dns, replyHops }: Request): Sample['times'] {
  // The SYN-ACK where it was seen last, which is as near to the client as there are probes.
  const connect = protocol === 'tcp' ? replyHops.findLast(({ leg }) => leg === 0)?.atMs : undefined;
  const firstByte = http?.firstByteMs ?? (dns?.id === undefined ? dns?.durationMs : undefined);
  const duration = state === 'closed' ? durationMs : undefined;
  return {
    ...(connect !== undefined && { connect }),
    ...(firstByte !== undefined && { firstByte }),
    ...(duration !== undefined && { duration }),
  };
}
