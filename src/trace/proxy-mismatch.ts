/** PROXY protocol where one side alone speaks it (the protocol has no way to ask whether the other does). */
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Failure } from './request.ts';

const BAD_REQUEST = 400;
const MAX_SPEAKERS = 4_096;

/** Servers that took a PROXY header and answered what followed it. */
export class ProxySpeakers {
  private readonly known = new Set<string>();

  add(connection: Connection): void {
    if (this.known.size >= MAX_SPEAKERS) this.known.clear();
    const server = keyOf(connection);
    if (server !== undefined) this.known.add(server);
  }

  has(connection: Connection): boolean {
    const server = keyOf(connection);
    return server !== undefined && this.known.has(server);
  }
}

/** The address that sent the answer, where it was sent. */
function keyOf({ reply }: Connection): string | undefined {
  const origin = reply.find(({ devices }) => devices.in === 0);
  return origin && `${String(origin.devices.netns)} ${origin.tuple.src} ${String(origin.tuple.sport)}`;
}

/** Whether an answer shows that the PROXY header before it was understood. */
export function isUnderstood({ connection, answer }: Exchange): boolean {
  return (
    connection.dialogue?.proxyHeader !== undefined &&
    answer?.message.what === 'http-response' &&
    answer.message.status !== BAD_REQUEST
  );
}

/** @returns what there is to say of it beyond its kind and hop */
export function mismatchOf(
  { connection, asked, answer }: Exchange,
  speakers: ProxySpeakers,
): Omit<Failure, 'kind' | 'atHop'> | undefined {
  const { dialogue, ending } = connection;
  const header = dialogue?.proxyHeader;
  const said = answer?.message;
  const status = said?.what === 'http-response' ? said.status : dialogue?.unaskedStatus;
  const hungUp = answer === undefined && (ending.reset?.direction === 'reply' || ending.finReply);
  const to = `${connection.client.dst}:${String(connection.client.dport)}`;
  const closed = `${to} ${ending.reset?.direction === 'reply' ? 'reset' : 'closed'} the connection without an answer`;
  if (header !== undefined) {
    const sent = `a PROXY header of version ${String(header.version)} was sent to ${to}`;
    if (header.fault !== undefined && hungUp) {
      return {
        detail: 'bad-header',
        reason: header.fault,
        text: `The PROXY header sent to ${to} is wrong: ${header.fault}.`,
        evidence: [sent, closed],
        next: 'Mend what sends the header: its format is that of version 1 or 2 of the PROXY protocol, and nothing may stand before it.',
      };
    }
    if (speakers.has(connection)) return undefined;
    const version = `PROXY protocol version ${String(header.version)}`;
    const next = `Make ${to} expect the header (nginx: \`listen … proxy_protocol\`; ingress-nginx: \`use-proxy-protocol\`), or stop sending it there.`;
    if (status === BAD_REQUEST) {
      return {
        detail: 'not-expected',
        reason: 'HTTP 400',
        text: `${to} was sent a header of ${version} and took it for the request: it does not speak it, or not there.`,
        evidence: [sent, `${to} answered HTTP 400`],
        next,
      };
    }
    if (!hungUp) return undefined;
    return {
      detail: 'not-expected',
      reason: 'closed without an answer',
      text: `${to} was sent a header of ${version} and closed without an answer: it does not speak it, or not there.`,
      evidence: [sent, closed],
      next,
    };
  }
  if (asked?.message.what !== 'http-request' || !hungUp || !speakers.has(connection)) return undefined;
  return {
    detail: 'missing-header',
    reason: 'closed without an answer',
    text: `${to} closed without an answer: it takes connections with a PROXY header, and this one had none.`,
    evidence: [
      `a request without a PROXY header was sent to ${to}`,
      closed,
      'others that sent one were answered there',
    ],
    next: `Make what dials ${to} send the header (HAProxy: \`send-proxy-v2\`), or dial a port that does not demand it.`,
  };
}
