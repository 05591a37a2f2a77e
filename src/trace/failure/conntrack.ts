/** Conntrack itself dropped the packet: it had no room for its entry, or another had the place. */
import { inumOf } from '../../events/netns.ts';
import { destinationOf, sourceOf } from '../../events/tuple.ts';
import type { Failure } from '../request.ts';
import { evidenceOf, tupleWords } from './evidence.ts';
import { atHop, capital, dialledBy, entryDenied, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

export function clashed(scene: Scene): Failure | undefined {
  const { connection, way } = scene;
  const { clash } = connection.trouble;
  const drop = way.failed?.mishap?.event;
  if (clash === undefined || drop?.kind !== 'drop') return undefined;
  const where = placeOf(scene, drop.netns);
  const translated = drop.conntrack !== undefined && drop.conntrack.original.src !== clash.tuple.dst;
  const tuple = destinationOf(clash.tuple);
  return {
    kind: 'conntrack-clash',
    detail: translated ? 'ports-exhausted' : 'same-tuple',
    ...atHop(scene),
    reason: drop.reason,
    text: translated
      ? `${capital(where)} had no port left to translate ${sourceOf(connection.client)} to: ${tuple} towards ${dialledBy(scene)} is taken by ${sourceOf(clash.holder)}.`
      : `On ${where} ${tupleWords(connection.client)} became the same connection as ${tupleWords(clash.holder)}, which was there first.`,
    evidence: [
      ...evidenceOf(scene),
      `${where}: the entry's reply would be ${tupleWords(clash.tuple)}, which is that of ${tupleWords(clash.holder)}`,
    ],
    next: translated
      ? `Give the SNAT rule on ${where} more ports or addresses (MASQUERADE --random-fully takes any port), or open fewer connections to one server: \`conntrack -S\` counts insert_failed.`
      : `Use a source port of its own for each (no fixed source port in the clients); \`conntrack -S\` on ${where} counts insert_failed.`,
  };
}

export function tableFull(scene: Scene): Failure | undefined {
  const drop = entryDenied(scene)?.drop;
  const full = drop && scene.counts.full(drop.netns, drop.at);
  if (drop === undefined || full === undefined) return undefined;
  const where = placeOf(scene, drop.netns);
  const fill = `${String(full.entries)} of ${String(full.max)} entries`;
  return {
    kind: 'conntrack-full',
    ...atHop(scene),
    reason: drop.reason,
    text: `The conntrack table of ${where} is full (${fill}): it drops what is new, such as ${dialledBy(scene)}.`,
    evidence: [
      ...evidenceOf(scene),
      `${where} (namespace ${String(inumOf(drop.netns))}): ${fill} in use, ${String(full.drop)} packets dropped for it, ${String(full.earlyDrop)} entries evicted`,
    ],
    next: `See what fills it (\`conntrack -L | awk '{print $1}' | sort | uniq -c\` on ${where}), then raise net.netfilter.nf_conntrack_max or shorten its time-outs.`,
  };
}
