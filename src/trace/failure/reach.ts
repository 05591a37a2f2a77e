/** How far packets got that nobody answered. */
import { sameTuple } from '../../events/tuple.ts';
import type { Crossing } from '../connection.ts';
import type { FailureDetail } from '../request.ts';
import { dialledBy, placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

export interface Reach {
  readonly detail?: FailureDetail;
  readonly words: string;
  readonly next: string;
}

export function reachOf(scene: Scene): Reach {
  const { connection, knowledge } = scene;
  const last = connection.forward.at(-1);
  if (last === undefined) {
    return {
      words: 'No packet of it was seen to leave.',
      next: `See whether the way to ${dialledBy(scene)} leads out at all: \`ip route get\` where it is dialled.`,
    };
  }
  const { dst } = last.tuple;
  const { netns, outName } = last.devices;
  const here = placeOf(scene, netns);
  const ways = siblingsOf(connection.forward, last).map(({ devices }) =>
    knowledge.peer(devices.netns, devices.out),
  );
  const taker = ways.find((peer) => peer !== undefined && knowledge.isLocal(peer.netns, dst));
  if (taker !== undefined) {
    const there = placeOf(scene, taker.netns);
    return {
      detail: 'delivered',
      words: `It came to ${there}, which has the address, and no answer left there.`,
      next: `Look in ${there}: its own rules, a full listen queue (\`ss -lnt\`), a process that hangs.`,
    };
  }
  const peers = new Set(ways.flatMap((peer) => (peer === undefined ? [] : [peer.netns])));
  if (peers.size > 1) {
    return {
      detail: 'not-delivered',
      words: `The bridge of ${here} sent it to all its ports, knowing none that leads to ${dst}: nobody there has the address.`,
      next: `See whether a pod with ${dst} exists (\`kubectl get pods -A -o wide\`) and its machine is up; \`ip neigh\` and \`bridge fdb\` on ${here} hold what is left of it.`,
    };
  }
  const next = ways.find((peer) => peer !== undefined);
  if (next === undefined) {
    return {
      detail: 'left-the-trace',
      words: `It left ${here} by ${outName}; what lies beyond is not traced.`,
      next: `Look at the next machine behind ${outName} of ${here}: \`tcpdump -ni any host ${dst}\` there, or nathop.`,
    };
  }
  const there = placeOf(scene, next.netns);
  return {
    detail: 'not-delivered',
    words: `It left ${here} by ${outName} towards ${there}, which does not have ${dst} and passed it on to nobody.`,
    next: `Look in ${there} for its way to ${dst}: \`ip route get ${dst}\`, \`ip link\`, \`bridge link\`.`,
  };
}

/** A bridge that does not know where an address is sends to all its ports at once (br_flood). */
function siblingsOf(crossings: readonly Crossing[], last: Crossing): Crossing[] {
  return crossings.filter(
    ({ devices, tuple }) =>
      devices.netns === last.devices.netns && devices.in === last.devices.in && sameTuple(tuple, last.tuple),
  );
}
