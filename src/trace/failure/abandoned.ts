/** A request whose connection was broken off before its answer. */
import { askedWords } from '../exchange-words.ts';
import type { Exchange } from '../exchange.ts';
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import { dialledBy, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** No client is set to wait so short: what it breaks off sooner it has no more use for. */
const LEAST_PATIENCE_NS = 500_000_000;

export function abandoned(exchange: Exchange, scene: Scene): Failure | undefined {
  const { asked, answer, since } = exchange;
  const { reset } = scene.connection.ending;
  const head = asked?.message;
  if (head?.what !== 'http-request' || answer !== undefined || reset === undefined || scene.lost > 0)
    return undefined;
  const { method, path, host } = head;
  const what = askedWords({ method, path, tls: false, ...(host !== undefined && { host }) });
  const evidence = [`${what} was asked, and no answer seen`, ...evidenceOf(scene)];
  if (reset.direction === 'forward') {
    if (reset.at - since < LEAST_PATIENCE_NS) return undefined;
    const server = scene.way.server;
    const who = server === undefined ? dialledBy(scene) : placeOf(scene, server.netns);
    return {
      kind: 'reset',
      detail: 'by-client',
      reason: 'RST',
      text: `The client broke the connection off before ${what} was answered: it gave up waiting, or went away.`,
      evidence,
      next: `See why ${who} took so long (its log, its load), and how long the client is set to wait.`,
    };
  }
  // Where it had not closed before, the connection's own failure says it.
  if (!scene.connection.ending.finReply) return undefined;
  return {
    kind: 'reset',
    detail: 'by-server',
    reason: 'RST',
    text: `The server closed the connection when ${what} was on its way, and reset it then.`,
    evidence,
    next: "Make the client's idle time-out for kept connections shorter than the server's, or let it ask again.",
  };
}
