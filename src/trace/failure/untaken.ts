/** The packet was answered, and the answer did not come to who asked, or not as an answer. */
import { destinationOf, invert, sameTuple, sourceOf } from '../../events/tuple.ts';
import { afterNat, beforeNat } from '../connection.ts';
import { BY_RULE } from '../refusal-rule.ts';
import type { Failure } from '../request.ts';
import { evidenceOf, ruleEvidence, tupleWords } from './evidence.ts';
import { capital, dialledBy, place, placeOf, rewrittenAt, ruleWords } from './scene.ts';
import type { Scene } from './scene.ts';

export const untaken = (scene: Scene): Failure =>
  droppedBack(scene) ?? untranslated(scene) ?? vanished(scene);

function droppedBack(scene: Scene): Failure | undefined {
  const { failedBack, replyHops } = scene.way;
  const drop = failedBack?.mishap?.event;
  if (failedBack === undefined || drop?.kind !== 'drop') return undefined;
  const hop = replyHops[failedBack.hop];
  const where = hop === undefined ? 'the machine' : place(hop);
  const base = { atReplyHop: failedBack.hop, reason: drop.reason };
  const rule = ruleEvidence(hop?.rule);
  const evidence = [...evidenceOf(scene), ...rule];
  const answer = `the answer of ${dialledBy(scene)}`;
  if (drop.reason === BY_RULE) {
    return {
      kind: 'dropped-by-rule',
      detail: 'answer-dropped',
      ...base,
      text: `The packet arrived and was answered; ${ruleWords(hop)} drops ${answer}.`,
      evidence,
      next: `Let answers pass there: a rule that accepts \`--ctstate ESTABLISHED,RELATED\` before ${hop?.rule?.chain ?? 'the one that drops'}.`,
    };
  }
  if (drop.reason === 'IP_RPFILTER') {
    return {
      kind: 'asymmetric-reply',
      detail: 'reverse-path',
      ...base,
      text: `${capital(where)} drops ${answer}: it came in by ${hop?.device?.in ?? 'a device'}, by which ${where} would not send to ${drop.tuple.src} (rp_filter).`,
      evidence,
      next: `Mend the route to ${drop.tuple.src} on ${where} (\`ip route get ${drop.tuple.src}\`, \`ip rule\`), or set net.ipv4.conf.*.rp_filter to 2 (loose) there.`,
    };
  }
  return {
    kind: 'dropped-by-kernel',
    detail: 'answer-dropped',
    ...base,
    text: `The packet arrived and was answered; ${where} dropped ${answer}: ${drop.reason} in ${drop.location}.`,
    evidence,
    next: `Look at the addresses and routes of ${where} (\`ip address\`, \`ip route get ${drop.tuple.dst}\`).`,
  };
}

/** The client got an answer from another address than it had dialled. */
function untranslated(scene: Scene): Failure | undefined {
  const { connection, knowledge, way } = scene;
  const { disowned } = connection.trouble;
  const last = connection.reply.at(-1);
  const led =
    last !== undefined && knowledge.peer(last.devices.netns, last.devices.out)?.netns === connection.origin;
  const came = disowned === undefined ? (led ? last.tuple : undefined) : invert(disowned.tuple);
  if (came === undefined || sameTuple(came, invert(connection.client))) return undefined;
  const translator = connection.entries.find((e) => !e.flipped && !sameTuple(beforeNat(e), afterNat(e)));
  const where = translator === undefined ? 'whoever translated it' : placeOf(scene, translator.netns);
  const atHop = translator === undefined ? -1 : rewrittenAt(scene, translator.netns);
  const passed = connection.reply.find(({ devices }) => devices.netns === translator?.netns);
  const by = way.server === undefined ? 'The server' : capital(placeOf(scene, way.server.netns));
  const became = translator === undefined ? '' : ` to ${destinationOf(afterNat(translator))}`;
  const base = {
    kind: 'asymmetric-reply' as const,
    ...(atHop !== -1 && { atHop }),
    reason: `answered by ${sourceOf(came)}`,
    evidence: [
      ...evidenceOf(scene),
      `what came to the client was ${tupleWords(came)}; it had dialled ${dialledBy(scene)}`,
    ],
  } satisfies Partial<Failure>;
  if (passed !== undefined) {
    const bridged = `net.bridge.bridge-nf-call-iptables=1 on ${where} (module br_netfilter), without which answers between ports of one bridge bypass conntrack`;
    return {
      ...base,
      detail: 'not-translated-back',
      text: `${by} answered, and the answer passed ${where} without being translated back: ${where} had made ${dialledBy(scene)}${became} on the way there. The client got an answer from ${sourceOf(came)} and reset it.`,
      next: `Set ${bridged}; or see whether a NOTRACK rule, or a deleted entry, keeps it from conntrack.`,
    };
  }
  return {
    ...base,
    detail: 'other-way',
    text: `${by} answered by a way that does not pass ${where}, which had translated ${dialledBy(scene)}${became}. The client got an answer from ${sourceOf(came)} and reset it.`,
    next: `Make the answer come back through ${where}: masquerade what ${where} sends on, or route the way back over it.`,
  };
}

function vanished(scene: Scene): Failure {
  const { connection, way } = scene;
  const last = connection.reply.at(-1);
  const at =
    last === undefined
      ? ''
      : ` It was last seen leaving ${placeOf(scene, last.devices.netns)} by ${last.devices.outName}.`;
  const by = way.server === undefined ? 'the server' : placeOf(scene, way.server.netns);
  const from = last === undefined ? by : placeOf(scene, last.devices.netns);
  return {
    kind: 'unanswered',
    detail: 'answer-lost',
    ...(way.replyHops.length > 0 && { atReplyHop: way.replyHops.length - 1 }),
    reason: 'the answer did not arrive',
    text: `${capital(by)} answered ${dialledBy(scene)}, and the client never took the answer.${at}`,
    evidence: evidenceOf(scene),
    next: `Follow the answer beyond ${from}: \`ip route get ${connection.client.src}\` there, and what stands between it and the client.`,
  };
}
