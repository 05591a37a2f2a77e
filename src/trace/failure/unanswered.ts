/** No answer came within the time: how far the packets got tells where to look. */
import type { Failure } from '../request.ts';
import { errnoWords } from './errors.ts';
import { evidenceOf } from './evidence.ts';
import { reachOf } from './reach.ts';
import { dialledBy, place } from './scene.ts';
import type { Scene } from './scene.ts';

export function unanswered(scene: Scene): Failure {
  return stale(scene) ?? silent(scene);
}

function stale(scene: Scene): Failure | undefined {
  const { way } = scene;
  const { stale } = way;
  if (stale === undefined) return undefined;
  const hop = way.hops[stale.hop];
  const on = hop === undefined ? '' : ` on ${place(hop)}`;
  const to = hop?.after?.dst ?? 'where';
  const { client, protocol } = scene.connection;
  return {
    kind: 'stale-conntrack',
    atHop: stale.hop,
    reason: 'no rule leads there',
    text: `A conntrack entry${on} sends ${dialledBy(scene)} to ${to}, where no rule of ${stale.service} leads now, and nothing answered: the entry is older than the rules.`,
    evidence: [
      ...evidenceOf(scene),
      `the entry${on} rewrites ${dialledBy(scene)} to ${to}; no rule of ${stale.service} leads to ${to}`,
    ],
    next: `Delete the entry${on}: \`conntrack -D -p ${protocol} --orig-dst ${client.dst} --orig-port-dst ${String(client.dport)}\`; it also ends when the flow rests for its time-out.`,
  };
}

function silent(scene: Scene): Failure {
  const { connection, way, lost } = scene;
  const { dialFailed } = connection.ending;
  const doubt = lost === 0 ? '' : ` ${String(lost)} events were lost meanwhile: an answer may be among them.`;
  const reach = reachOf(scene);
  return {
    kind: 'unanswered',
    ...(reach.detail !== undefined && { detail: reach.detail }),
    ...(way.hops.length > 0 && { atHop: way.hops.length - 1 }),
    reason: dialFailed !== undefined && dialFailed.error !== 0 ? errnoWords(dialFailed.error) : 'no answer',
    text: `Nothing answered at ${dialledBy(scene)}. ${reach.words}${doubt}`,
    evidence: [...evidenceOf(scene), 'no answer was seen anywhere on the way'],
    next: reach.next,
  };
}
