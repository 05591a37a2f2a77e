/** What broke on a connection, in the words of the contract; each kind of end has its module. */
import type { Failure, State } from '../request.ts';
import { isStalled } from '../lifecycle.ts';
import { clashed, tableFull } from './conntrack.ts';
import { dropped } from './dropped.ts';
import { refused } from './refused.ts';
import { rejected } from './rejected.ts';
import { broken } from './reset.ts';
import type { Scene } from './scene.ts';
import { stoppedMidway } from './stall.ts';
import { turnedAway } from './turned-away.ts';
import { unanswered } from './unanswered.ts';
import { untaken } from './untaken.ts';

export function failureOf(scene: Scene, state: State): Failure | undefined {
  const { stall } = scene.connection.trouble;
  switch (state) {
    case 'refused':
      return refused(scene);
    case 'rejected':
      return rejected(scene);
    case 'dropped':
      return clashed(scene) ?? tableFull(scene) ?? turnedAway(scene) ?? dropped(scene);
    case 'unanswered':
      return scene.connection.trouble.untaken ? untaken(scene) : unanswered(scene);
    case 'established':
    case 'closed':
      if (stall !== undefined && isStalled(scene.connection)) return stoppedMidway(scene, stall);
      return state === 'closed' ? broken(scene) : undefined;
    case 'open':
      return undefined;
  }
}
