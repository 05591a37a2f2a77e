/** A connection that stood was broken off in the middle. */
import { inumOf } from '../../events/netns.ts';
import type { Connection, Reset } from '../connection.ts';
import { isDrop } from '../lifecycle.ts';
import { BY_RULE, refusalRuleOf } from '../refusal-rule.ts';
import type { Failure } from '../request.ts';
import { evidenceOf, ruleEvidence } from './evidence.ts';
import { forgotten } from './forgotten.ts';
import { capital, dialledBy, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** What a client breaks off is its own business, unless it waited for something: see abandoned.ts. */
export function broken(scene: Scene): Failure | undefined {
  const { reset, finForward, finReply } = scene.connection.ending;
  // After a FIN that was lost it would be no failure.
  if (reset === undefined || scene.lost > 0) return undefined;
  const unknown = forgotten(scene, reset);
  if (unknown !== undefined) return unknown;
  if (reset.direction !== 'reply' || finForward) return undefined;
  // Words that crossed the server's own FIN meet a socket that is gone; only who asked for something misses it.
  if (finReply && !awaitsAnswer(scene.connection)) return undefined;
  return byServer(scene, reset) ?? byMiddle(scene, reset) ?? byStranger(scene);
}

const awaitsAnswer = ({ dialogue }: Connection): boolean =>
  dialogue?.pending.some(({ asked, answer }) => asked !== undefined && answer === undefined) === true;

function byServer(scene: Scene, reset: Reset): Failure | undefined {
  const { server, hops } = scene.way;
  if (!reset.sentHere || server?.netns !== reset.netns) return undefined;
  const who = placeOf(scene, reset.netns);
  return {
    kind: 'reset',
    detail: 'by-server',
    atHop: hops.length - 1,
    reason: 'RST',
    text: `${capital(who)}, the server itself, reset the connection.`,
    evidence: evidenceOf(scene),
    next: `Look at the log of the server in ${who} at that time: it closed the socket with data unread, crashed, or gave up the connection.`,
  };
}

/** Who is neither of both, as REJECT does it with tcp-reset. */
function byMiddle(scene: Scene, reset: Reset): Failure | undefined {
  const { connection, way, knowledge } = scene;
  if (!reset.sentHere || way.server === undefined) return undefined;
  const where = placeOf(scene, reset.netns);
  const dropped = connection.mishaps.findLast((m) => m.event.netns === reset.netns && isDrop(m, BY_RULE));
  const rule = dropped && refusalRuleOf(dropped, 'reject', connection, knowledge).rule.rule;
  const atHop = way.hops.findLastIndex(({ netns }) => netns?.inum === inumOf(reset.netns));
  return {
    kind: 'reset',
    detail: 'by-middle',
    ...(atHop !== -1 && { atHop }),
    reason: 'RST',
    text: `${capital(where)}, which only passes the connection to ${dialledBy(scene)} on, reset it${rule === undefined ? '' : ` by a rule in ${rule.chain}`}; the server did not.`,
    evidence: [...evidenceOf(scene), ...ruleEvidence(rule)],
    next: `Read the rules of ${where} that answer with a reset (\`--reject-with tcp-reset\`)${rule === undefined ? '' : `, here ${rule.chain}`}.`,
  };
}

const byStranger = (scene: Scene): Failure => ({
  kind: 'reset',
  reason: 'RST',
  text: `The connection was reset from the server's side; where the reset was made was not seen.`,
  evidence: evidenceOf(scene),
  next: `Look at the server's log at that time, and at firewalls before it: either may reset a connection to ${dialledBy(scene)}.`,
});
