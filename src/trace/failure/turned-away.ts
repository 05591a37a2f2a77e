/** Conntrack itself said that it turned the packet away. */
import { BY_RULE } from '../refusal-rule.ts';
import type { Failure } from '../request.ts';
import { evidenceOf, tupleWords } from './evidence.ts';
import { atHop, capital, dialledBy, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

export function turnedAway(scene: Scene): Failure | undefined {
  const refused = scene.connection.entryRefused;
  const drop = scene.way.failed?.mishap?.event;
  if (refused === undefined || drop?.netns !== refused.netns) return undefined;
  const where = placeOf(scene, refused.netns);
  const dialled = dialledBy(scene);
  const base = { ...atHop(scene), reason: BY_RULE };
  const evidence = (by: string): string[] => [
    ...evidenceOf(scene),
    `${where}: ${by} gave no entry for ${tupleWords(refused.tuple)}`,
  ];
  return refused.why === 'full'
    ? {
        kind: 'conntrack-full',
        ...base,
        text: `The conntrack table of ${where} has no room: it drops what is new, such as ${dialled}.`,
        evidence: evidence('__nf_conntrack_alloc'),
        next: `See what fills it (\`conntrack -L\` on ${where}), then raise net.netfilter.nf_conntrack_max or shorten its time-outs.`,
      }
    : {
        kind: 'conntrack-clash',
        ...base,
        text: `${capital(where)} dropped the packet to ${dialled}: another connection had its tuple first.`,
        evidence: evidence('__nf_conntrack_confirm'),
        next: `Use a source port of its own for each; \`conntrack -S\` on ${where} counts insert_failed.`,
      };
}
