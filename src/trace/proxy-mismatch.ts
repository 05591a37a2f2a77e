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

export function mismatchOf(
  { connection, asked, answer }: Exchange,
  speakers: ProxySpeakers,
): Pick<Failure, 'reason' | 'text'> | undefined {
  const { dialogue, ending } = connection;
  const header = dialogue?.proxyHeader;
  const said = answer?.message;
  const status = said?.what === 'http-response' ? said.status : dialogue?.unaskedStatus;
  const hungUp = answer === undefined && (ending.reset?.direction === 'reply' || ending.finReply);
  const to = `${connection.client.dst}:${String(connection.client.dport)}`;
  if (header !== undefined) {
    if (header.fault !== undefined && hungUp) {
      return { reason: header.fault, text: `The PROXY header sent to ${to} is wrong: ${header.fault}.` };
    }
    if (speakers.has(connection)) return undefined;
    const version = `PROXY protocol version ${String(header.version)}`;
    if (status === BAD_REQUEST) {
      const text = `${to} was sent a header of ${version} and took it for the request: it does not speak it, or not there.`;
      return { reason: 'HTTP 400', text };
    }
    if (!hungUp) return undefined;
    return {
      reason: 'closed without an answer',
      text: `${to} was sent a header of ${version} and closed without an answer: it does not speak it, or not there.`,
    };
  }
  if (asked?.message.what !== 'http-request' || !hungUp || !speakers.has(connection)) return undefined;
  return {
    reason: 'closed without an answer',
    text: `${to} closed without an answer: it takes connections with a PROXY header, and this one had none.`,
  };
}
