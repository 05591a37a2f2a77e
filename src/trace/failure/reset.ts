/** A connection that stood was reset in the middle. */
import type { Connection } from '../connection.ts';
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import type { Scene } from './scene.ts';

export function reset(scene: Scene): Failure | undefined {
  const { reset, finForward, finReply } = scene.connection.ending;
  // After a FIN that was lost it would be no failure.
  if (reset?.direction !== 'reply' || finForward || scene.lost > 0) return undefined;
  // Words that crossed the server's own FIN meet a socket that is gone; only who asked for something misses it.
  if (finReply && !awaitsAnswer(scene.connection)) return undefined;
  return {
    kind: 'reset',
    reason: 'RST',
    text: 'The server reset the connection.',
    evidence: evidenceOf(scene),
    next: "Look at the server's own log at that time: it closed the socket with data unread, crashed, or gave up the connection.",
  };
}

const awaitsAnswer = ({ dialogue }: Connection): boolean =>
  dialogue?.pending.some(({ asked, answer }) => asked !== undefined && answer === undefined) === true;
