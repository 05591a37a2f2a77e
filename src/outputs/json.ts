/** The request as the JSON schema has it, one object a line, keys always in the schema's order. */
import type { ClientIp, Endpoint, Ends, Failure, Hop, Request, Rule } from '../trace/request.ts';
import type { Output } from './output.ts';

export function jsonOutput(): Output {
  return {
    header: () => undefined,
    render: (request) => safe(JSON.stringify(requestOf(request))),
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
  atMs: h.atMs,
  process: h.process && { pid: h.process.pid, comm: h.process.comm },
  observed: h.observed,
});

const clientIp = (c: ClientIp): Layout<ClientIp> => ({
  verdict: c.verdict,
  lostAtHop: c.lostAtHop,
  cause: c.cause,
  carriers: c.carriers,
  text: c.text,
  remedies: c.remedies.map((remedy) => ({ text: remedy.text, breaks: remedy.breaks })),
});

const failure = (f: Failure): Laid<Failure> => ({
  kind: f.kind,
  atHop: f.atHop,
  reason: f.reason,
  text: f.text,
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
  failure: r.failure && failure(r.failure),
  retransmits: r.retransmits,
  inferred: r.inferred,
  lostEvents: r.lostEvents,
});

/**
 * JSON.stringify escapes C0 and lone surrogates only; the rest of what can steer a terminal (DEL, C1, format
 * and bidirectional characters, line separators) is escaped too, which leaves the value what it was.
 */
function safe(json: string): string {
  return json.replace(/[\x7f\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
