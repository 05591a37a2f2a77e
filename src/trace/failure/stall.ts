/** A connection that stood, and on which what is sent is no longer acknowledged. */
import { inumOf } from '../../events/netns.ts';
import type { Mishap } from '../connection.ts';
import { isErrorLost } from '../lifecycle.ts';
import { BY_RULE, refusalRuleOf } from '../refusal-rule.ts';
import type { Failure } from '../request.ts';
import type { Stall } from '../trouble.ts';
import { isTooBigError } from './errors.ts';
import { evidenceOf, ruleEvidence } from './evidence.ts';
import { capital, dialledBy, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** Segments of so many bytes are the first to be too big for some device. */
const LARGE = 1_000;

export function stoppedMidway(scene: Scene, stall: Stall): Failure {
  const { connection } = scene;
  const culprit = connection.mishaps.findLast(
    (m) =>
      m.direction === stall.direction &&
      m.event.kind === 'drop' &&
      m.event.at >= stall.since - 1e9 &&
      !isErrorLost(m, connection),
  );
  const toldTooBig = connection.mishaps.find(
    ({ event }) => event.kind === 'icmp-error' && isTooBigError(event),
  );
  const sender = stall.direction === 'forward' ? 'the client' : 'the server';
  const seconds = Math.round((stall.at - stall.since) / 1e9);
  const evidence = [
    ...evidenceOf(scene),
    `${sender} sent a segment of ${String(stall.length)} bytes again and again for ${String(seconds)} s, ${String(stall.timeouts)} time-outs without any acknowledgement`,
  ];
  if (culprit === undefined) return unexplained(scene, stall, evidence, toldTooBig);
  return explained(scene, stall, culprit, evidence);
}

function explained(scene: Scene, stall: Stall, culprit: Mishap, evidence: string[]): Failure {
  const { event } = culprit;
  const where = placeOf(scene, event.netns);
  const reason = event.kind === 'drop' ? event.reason : '';
  const what = stall.direction === 'forward' ? 'what the client sends' : 'what the server sends';
  const base = { ...placeIn(scene, stall, culprit), reason };
  if (isTooBig(culprit)) {
    return {
      kind: 'dropped-by-kernel',
      detail: 'too-big',
      ...base,
      text: `The connection to ${dialledBy(scene)} stands still: ${where} drops ${what}, since it is larger than the MTU of the device it should leave by, and the sender does not learn of it.`,
      evidence,
      next: `Let ICMP "fragmentation needed" back to the sender, make the MTU the same on the whole way (\`ip link\` on ${where}), or clamp the MSS (\`-j TCPMSS --clamp-mss-to-pmtu\`).`,
    };
  }
  if (reason === BY_RULE) {
    const { rule } = refusalRuleOf(culprit, 'drop', scene.connection, scene.knowledge).rule;
    return {
      kind: 'dropped-by-rule',
      detail: 'stopped-midway',
      ...base,
      text: `The connection to ${dialledBy(scene)} stands still: ${rule === undefined ? 'a rule' : rule.chain} on ${where} drops ${what}.`,
      evidence: [...evidence, ...ruleEvidence(rule)],
      next: `Read the rules of ${rule?.chain ?? 'the filter tables'} on ${where}: what stands must be let pass (\`--ctstate ESTABLISHED\`).`,
    };
  }
  return {
    kind: 'dropped-by-kernel',
    detail: 'stopped-midway',
    ...base,
    text: `The connection to ${dialledBy(scene)} stands still: ${where} drops ${what} (${reason}).`,
    evidence,
    next: `Look at the devices and routes of ${where} (\`ip -s link\`, \`ip route get\`).`,
  };
}

function unexplained(
  scene: Scene,
  stall: Stall,
  evidence: string[],
  toldTooBig: Mishap | undefined,
): Failure {
  const what = stall.direction === 'forward' ? 'what the client sends' : 'what the server sends';
  const large = stall.length >= LARGE || toldTooBig !== undefined;
  return {
    kind: 'unanswered',
    detail: toldTooBig === undefined ? 'stopped-midway' : 'too-big',
    reason: 'no acknowledgement',
    text: `The connection to ${dialledBy(scene)} stood and stands still: ${what} is not acknowledged.${large ? ' It is large; what was small came through.' : ''}`,
    evidence,
    next: large
      ? 'Look for the device with the smallest MTU on the way (`ping -M do -s 1400`, `ip link`): a switch or tunnel drops in silence what is larger.'
      : `See whether ${capital(stall.direction === 'forward' ? 'the server' : 'the client')}'s machine, and each on the way, is still up.`,
  };
}

/** A bridge drops what its port cannot take, and gives no reason (br_dev_queue_push_xmit). */
function isTooBig({ event }: Mishap): boolean {
  if (event.kind !== 'drop') return false;
  return (
    event.reason === 'PKT_TOO_BIG' ||
    (event.reason === 'NOT_SPECIFIED' && /^br_(?:nf_)?dev_queue/.test(event.location))
  );
}

/** Where it is dropped: the hop at which the first packet left there. */
function placeIn({ way }: Scene, stall: Stall, { event }: Mishap): { atHop?: number; atReplyHop?: number } {
  const hops = stall.direction === 'forward' ? way.hops : way.replyHops;
  const at = hops.findLastIndex(({ netns }) => netns?.inum === inumOf(event.netns));
  if (at === -1) return {};
  return stall.direction === 'forward' ? { atHop: at } : { atReplyHop: at };
}
