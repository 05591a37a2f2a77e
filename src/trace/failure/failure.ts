/** What broke on a connection, in the words of the contract; each kind of end has its module. */
import type { Failure, State } from '../request.ts';
import { dropped } from './dropped.ts';
import { refused } from './refused.ts';
import { rejected } from './rejected.ts';
import { reset } from './reset.ts';
import type { Scene } from './scene.ts';
import { turnedAway } from './turned-away.ts';
import { unanswered } from './unanswered.ts';

export function failureOf(scene: Scene, state: State): Failure | undefined {
  switch (state) {
    case 'refused':
      return refused(scene);
    case 'rejected':
      return rejected(scene);
    case 'dropped':
      return turnedAway(scene) ?? dropped(scene);
    case 'unanswered':
      return unanswered(scene);
    case 'closed':
      return reset(scene);
    default:
      return undefined;
  }
}
