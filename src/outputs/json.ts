/** The request as the JSON schema has it, one object a line, keys always in the schema's order. */

import type {
  Carrier,
  ClientIp,
  Clock,
  Dns,
  Endpoint,
  Ends,
  Failure,
  Hop,
  Http,
  Leg,
  Remedy,
  Request,
  Rule,
  WhatIf,
} from '../trace/request.ts';
import type { Output } from './output.ts';

/** @param storyOf adds each request told in words, a paragraph a line */
export function jsonOutput(storyOf?: (request: Request) => readonly string[]): Output {
  return {
    header: () => undefined,
    render(request, unmet) {
      const laid = { ...requestOf(request), story: storyOf?.(request), unmet };
      return safeJson(laid);
    },
  };
}

/** Every key of T, so that one added to the type cannot be forgotten here; undefined ones are not written. */
type Laid<T> = { [K in keyof T]-?: T[K] | undefined };
type Layout<T> = { [K in keyof T]-?: unknown };

const endpoint = (e: Endpoint): Laid<Endpoint> => ({
  ip: e.ip,
  port: e.port,
  kind: e.kind,
  name: e.name,
  node: e.node,
  portName: e.portName,
  container: e.container,
  stale: e.stale,
});

const ends = (e: Ends): Laid<Ends> => ({ src: e.src, dst: e.dst });

const rule = (r: Rule): Laid<Rule> => ({
  family: r.family,
  table: r.table,
  chain: r.chain,
  via: r.via,
  text: r.text,
  comment: r.comment,
  service: r.service,
  unknownMatches: r.unknownMatches,
  source: r.source,
});

const hop = (h: Hop): Layout<Hop> => ({
  leg: h.leg,
  kind: h.kind,
  node: h.node,
  netns: h.netns && { inum: h.netns.inum, name: h.netns.name },
  hook: h.hook,
  hookObserved: h.hookObserved,
  device: h.device && { in: h.device.in, out: h.device.out },
  before: h.before && ends(h.before),
  after: h.after && ends(h.after),
  rule: h.rule && rule(h.rule),
  evaluated: h.evaluated && { comment: h.evaluated.comment, chains: h.evaluated.chains },
  markedBy: h.markedBy && rule(h.markedBy),
  atMs: h.atMs,
  process: h.process && { pid: h.process.pid, comm: h.process.comm },
  observed: h.observed,
});

const carrier = (c: Carrier): Layout<Carrier> => ({
  kind: c.kind,
  values: c.values,
  leg: c.leg,
  isClient: c.isClient,
  entries: c.entries?.map(({ value, from, addedBy }) => ({ value, from, addedBy })),
});

const whatIf = (w: WhatIf): Laid<WhatIf> => ({
  computed: w.computed,
  outcome: w.outcome,
  clientIp: w.clientIp,
  servers: w.servers,
  text: w.text,
});

const remedy = (r: Remedy): Layout<Remedy> => ({
  kind: r.kind,
  text: r.text,
  breaks: r.breaks,
  whatIf: r.whatIf && whatIf(r.whatIf),
});

const clientIp = (c: ClientIp): Layout<ClientIp> => ({
  verdict: c.verdict,
  lostAtHop: c.lostAtHop,
  cause: c.cause,
  responsible: c.responsible && {
    object: c.responsible.object,
    field: c.responsible.field,
    value: c.responsible.value,
  },
  carriers: c.carriers.map(carrier),
  text: c.text,
  remedies: c.remedies.map(remedy),
});

const http = (h: Http): Laid<Http> => ({
  method: h.method,
  host: h.host,
  path: h.path,
  status: h.status,
  requestId: h.requestId,
  tls: h.tls,
  sni: h.sni,
  firstByteMs: h.firstByteMs,
});

const dns = (d: Dns): Layout<Dns> => ({
  name: d.name,
  type: d.type,
  rcode: d.rcode,
  answers: d.answers,
  resolver: d.resolver && endpoint(d.resolver),
  server: d.server && endpoint(d.server),
  id: d.id,
  tried: d.tried?.map(({ name, type, rcode }) => ({ name, type, rcode })),
  durationMs: d.durationMs,
});

const leg = (l: Leg): Layout<Leg> => ({
  client: endpoint(l.client),
  dialled: endpoint(l.dialled),
  server: l.server && endpoint(l.server),
  sourceSeenByServer: l.sourceSeenByServer && endpoint(l.sourceSeenByServer),
  http: l.http && http(l.http),
  atMs: l.atMs,
  joinedBy: l.joinedBy && { evidence: l.joinedBy.evidence, text: l.joinedBy.text },
});

const failure = (f: Failure): Layout<Failure> => ({
  kind: f.kind,
  detail: f.detail,
  atHop: f.atHop,
  atReplyHop: f.atReplyHop,
  reason: f.reason,
  text: f.text,
  evidence: f.evidence,
  next: f.next,
});

const clock = (c: Clock): Layout<Clock> => ({
  node: c.node,
  by: c.by,
  uncertaintyMs: c.uncertaintyMs,
  handshakes: c.handshakes,
});

const requestOf = (r: Request): Layout<Request> => ({
  v: r.v,
  id: r.id,
  startedAt: r.startedAt,
  durationMs: r.durationMs,
  protocol: r.protocol,
  state: r.state,
  client: endpoint(r.client),
  dialled: endpoint(r.dialled),
  server: r.server && endpoint(r.server),
  sourceSeenByServer: r.sourceSeenByServer && endpoint(r.sourceSeenByServer),
  hops: r.hops.map(hop),
  replyHops: r.replyHops.map(hop),
  clientIp: clientIp(r.clientIp),
  http: r.http && http(r.http),
  tls: r.tls && { sni: r.tls.sni, alpn: r.tls.alpn },
  dns: r.dns && dns(r.dns),
  legs: r.legs?.map(leg),
  failure: r.failure && failure(r.failure),
  retransmits: r.retransmits,
  inferred: r.inferred,
  lostEvents: r.lostEvents,
  clocks: r.clocks?.map(clock),
});

/**
 * JSON.stringify escapes C0 and lone surrogates only; the rest of what can steer a terminal (DEL, C1, format
 * and bidirectional characters, line separators) is escaped too, which leaves the value what it was.
 */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
