/** A connection that stood was reset in the middle. */
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import type { Scene } from './scene.ts';

export function reset(scene: Scene): Failure | undefined {
  const { reset, finForward } = scene.connection.ending;
  // After a FIN that was lost it would be no failure.
  if (reset?.direction !== 'reply' || finForward || scene.lost > 0) return undefined;
  return {
    kind: 'reset',
    reason: 'RST',
    text: 'The server reset the connection.',
    evidence: evidenceOf(scene),
    next: "Look at the server's own log at that time: it closed the socket with data unread, crashed, or gave up the connection.",
  };
}
