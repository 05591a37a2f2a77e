/** The events that speak for a failure, in words: when, where, what. */
import type { NetnsId } from '../../events/event.ts';
import { destinationOf, sourceOf } from '../../events/tuple.ts';
import type { Tuple } from '../../events/tuple.ts';
import type { Connection, Crossing, Direction, Mishap, Reset } from '../connection.ts';
import { milliseconds } from '../hops.ts';
import { isErrorLost } from '../lifecycle.ts';
import type { Rule } from '../request.ts';
import { errnoWords, icmpWords } from './errors.ts';
import { placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** More of them say nothing new. */
const MAX_MISHAPS = 4;

/** The rule that did it, where it is known. */
export const ruleEvidence = (rule: Rule | undefined): string[] =>
  rule === undefined ? [] : [`the rule: ${rule.text}`];

/** How far the packets got, what befell them, and what the client's socket made of it, in the order of time. */
export function evidenceOf(scene: Scene): string[] {
  const { connection } = scene;
  const { reset, dialFailed } = connection.ending;
  const lines: Line[] = [];
  const add = (line: Line | undefined): void => {
    if (line !== undefined) lines.push(line);
  };
  add(farthest(scene, 'forward'));
  add(farthest(scene, 'reply'));
  for (const mishap of connection.mishaps.slice(-MAX_MISHAPS)) {
    const { at, netns } = mishap.event;
    add({ at, text: `${moment(scene, at, netns)} ${mishapWords(mishap, connection)}` });
  }
  if (reset !== undefined) add(resetLine(scene, reset));
  const { disowned, gone } = connection.trouble;
  if (gone !== undefined) {
    const what = `conntrack forgot ${tupleWords(gone.original)}: its entry ${GONE[gone.why]}`;
    add({ at: gone.at, text: `${moment(scene, gone.at, gone.netns)} ${what}` });
  }
  if (disowned !== undefined) {
    const where = moment(scene, disowned.at, disowned.netns);
    add({
      at: disowned.at,
      text: `${where} RST ${tupleWords(disowned.tuple)} sent to what came as an answer`,
    });
  }
  if (dialFailed !== undefined && dialFailed.error !== 0) {
    const where = moment(scene, dialFailed.at, connection.origin);
    add({
      at: dialFailed.at,
      text: `${where} the client's socket gave up with ${errnoWords(dialFailed.error)}`,
    });
  }
  return [...lines.sort((a, b) => a.at - b.at).map(({ text }) => text), ...again(scene), ...loss(scene)];
}

const GONE = {
  deleted: 'was deleted by a process',
  expired: 'expired',
  removed: 'was removed before its time',
} as const;

interface Line {
  readonly at: number;
  readonly text: string;
}

function moment(scene: Scene, at: number, netns: NetnsId): string {
  const { beginningSeen, firstAt } = scene.connection;
  const since = beginningSeen ? `+${String(milliseconds(Math.max(at - firstAt, 0)))} ms ` : '';
  return `${since}${placeOf(scene, netns)}:`;
}

/** The last device by which packets of a direction left. */
function farthest(scene: Scene, direction: Direction): Line | undefined {
  const last = scene.connection[direction].at(-1);
  if (last === undefined) return undefined;
  const what = direction === 'forward' ? 'the first packet was last seen' : 'an answer was last seen';
  return { at: last.at, text: `${crossingWords(scene, last)} (${what} there)` };
}

export const crossingWords = (scene: Scene, { at, devices, tuple }: Crossing): string =>
  `${moment(scene, at, devices.netns)} ${tupleWords(tuple)} left by ${devices.outName}`;

function mishapWords(mishap: Mishap, connection: Connection): string {
  const { event, direction } = mishap;
  if (event.kind === 'icmp-error') {
    const made = event.inIfindex === 0 ? 'sent' : 'passed on';
    return `${made} ${icmpWords(event)} about ${tupleWords(event.about)}`;
  }
  const why = `${event.reason} in ${event.location}`;
  if (isErrorLost(mishap, connection)) {
    return `dropped an ICMP error about it from ${event.tuple.src} to ${event.tuple.dst}: ${why}`;
  }
  const what = direction === 'forward' ? 'a packet' : 'an answer';
  const length = event.length === undefined ? '' : ` (${String(event.length)} bytes)`;
  return `dropped ${what} ${tupleWords(event.tuple)}${length}: ${why}`;
}

function resetLine(scene: Scene, { at, direction, netns, device, tuple, sentHere }: Reset): Line {
  const whose = direction === 'forward' ? "from the client's side" : "from the server's side";
  const how = sentHere ? 'sent' : 'passed on';
  return { at, text: `${moment(scene, at, netns)} RST ${tupleWords(tuple)} ${how} by ${device}, ${whose}` };
}

function again({ connection }: Scene): string[] {
  const times = connection.retransmits;
  if (times === 0) return [];
  return [
    connection.answered && !connection.trouble.untaken
      ? `segments were sent again ${count(times)}`
      : `the first packet was sent again ${count(times)}`,
  ];
}

const count = (times: number): string => (times === 1 ? 'once' : `${String(times)} times`);

const loss = ({ lost }: Scene): string[] =>
  lost === 0 ? [] : [`${String(lost)} events were lost meanwhile: more may have happened`];

export const tupleWords = (tuple: Tuple): string => `${sourceOf(tuple)} → ${destinationOf(tuple)}`;
