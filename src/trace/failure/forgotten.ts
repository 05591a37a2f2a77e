/**
 * Conntrack no longer knew a connection that stood: to who translates it, what came next was another. The probes tell so
 * (nf_conntrack_free); or it shows, where the translator took an answer for its own.
 */
import type { EntryGoneEvent, NetnsId } from '../../events/event.ts';
import { sameTuple } from '../../events/tuple.ts';
import { afterNat } from '../connection.ts';
import type { Connection, Reset } from '../connection.ts';
import { takerOf } from '../lifecycle.ts';
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import { capital, dialledBy, placeOf, rewrittenAt } from './scene.ts';
import type { Scene } from './scene.ts';

export function forgotten(scene: Scene, reset: Reset): Failure | undefined {
  const { connection } = scene;
  const { gone } = connection.trouble;
  const taker = takerOf(connection);
  // A connection may live on under a new entry that translates it as before.
  const isCause =
    gone !== undefined &&
    gone.at <= reset.at &&
    (gone.netns === taker || (reset.direction === 'reply' && isTranslatedAnew(connection, gone.netns)));
  const translator = isCause ? gone.netns : taker;
  if (translator === undefined) return undefined;
  const where = placeOf(scene, translator);
  const hop = rewrittenAt(scene, translator);
  return {
    kind: 'reset',
    detail: 'entry-gone',
    ...(hop !== -1 && { atHop: hop }),
    reason: 'RST',
    text: `${capital(where)} translates the connection to ${dialledBy(scene)}, and no longer knew it${isCause ? `: ${CAUSES[gone.why]}` : ''}. ${outcomeOf(scene, reset)}`,
    evidence: evidenceOf(scene),
    next: isCause ? NEXT[gone.why](where) : `${NEXT.expired(where)} ${NEXT.deleted(where)}`,
  };
}

/** What the client sent later was translated to something else than its first packet. */
function isTranslatedAnew({ forward, entries }: Connection, netns: NetnsId): boolean {
  const first = forward.findLast(({ devices }) => devices.netns === netns);
  const entry = entries.find((one) => one.netns === netns && !one.flipped);
  return first !== undefined && entry !== undefined && !sameTuple(first.tuple, afterNat(entry));
}

function outcomeOf(scene: Scene, { direction, netns }: Reset): string {
  return direction === 'forward'
    ? `What the server sent was for ${placeOf(scene, netns)} itself then, which reset it; the client waits in vain.`
    : 'What the client sent was translated anew, and reset by who did not know it.';
}

const CAUSES: Readonly<Record<EntryGoneEvent['why'], string>> = {
  deleted: 'a process had deleted its conntrack entry',
  expired: 'its conntrack entry had expired',
  removed:
    'its conntrack entry had been removed before its time, with all of them, for room, or since the address it was translated to went away',
};

const NEXT: Readonly<Record<EntryGoneEvent['why'], (where: string) => string>> = {
  deleted: (where) =>
    `See what deletes entries on ${where} (\`conntrack -D\`, \`conntrack -F\`, in scripts too).`,
  expired: (where) =>
    `See how long an idle connection is remembered on ${where} (net.netfilter.nf_conntrack_tcp_timeout_established), and let keep-alives be sent more often than that.`,
  removed: (where) =>
    `See on ${where} whether its table was flushed (\`conntrack -F\`), was full (\`conntrack -S\`: early_drop), or a device went down.`,
};
