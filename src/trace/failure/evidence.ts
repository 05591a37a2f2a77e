/** The events that speak for a failure, in words: when, where, what. */
import type { DropEvent, IcmpErrorEvent, NetnsId } from '../../events/event.ts';
import { destinationOf, sourceOf } from '../../events/tuple.ts';
import type { Tuple } from '../../events/tuple.ts';
import type { Crossing, Direction } from '../connection.ts';
import { milliseconds } from '../hops.ts';
import { errnoWords, icmpWords } from './errors.ts';
import { placeOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** More of them say nothing new. */
const MAX_MISHAPS = 4;

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
  for (const { event, direction } of connection.mishaps.slice(-MAX_MISHAPS)) {
    add({ at: event.at, text: `${moment(scene, event.at, event.netns)} ${mishapWords(event, direction)}` });
  }
  if (reset !== undefined) add(resetLine(scene, reset));
  if (dialFailed !== undefined && dialFailed.error !== 0) {
    const where = moment(scene, dialFailed.at, connection.origin);
    add({
      at: dialFailed.at,
      text: `${where} the client's socket gave up with ${errnoWords(dialFailed.error)}`,
    });
  }
  return [...lines.sort((a, b) => a.at - b.at).map(({ text }) => text), ...again(scene), ...loss(scene)];
}

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

function mishapWords(event: DropEvent | IcmpErrorEvent, direction: Direction): string {
  if (event.kind === 'icmp-error') {
    const made = event.inIfindex === 0 ? 'sent' : 'passed on';
    return `${made} ${icmpWords(event)} about ${tupleWords(event.about)}`;
  }
  const what = direction === 'forward' ? 'a packet' : 'an answer';
  return `dropped ${what} ${tupleWords(event.tuple)}: ${event.reason} in ${event.location}`;
}

function resetLine(scene: Scene, { at, direction }: { at: number; direction: Direction }): Line {
  const seen = scene.connection[direction].find((crossing) => crossing.at === at);
  const whose = direction === 'forward' ? "from the client's side" : "from the server's side";
  if (seen === undefined) return { at, text: `a RST ${whose}` };
  const { devices, tuple } = seen;
  const how = devices.in === 0 ? 'sent' : 'passed on';
  return {
    at,
    text: `${moment(scene, at, devices.netns)} RST ${tupleWords(tuple)} ${how} by ${devices.outName}`,
  };
}

function again({ connection }: Scene): string[] {
  const times = connection.retransmits;
  if (times === 0) return [];
  return [
    connection.answered
      ? `segments were sent again ${count(times)}`
      : `the first packet was sent again ${count(times)}`,
  ];
}

const count = (times: number): string => (times === 1 ? 'once' : `${String(times)} times`);

const loss = ({ lost }: Scene): string[] =>
  lost === 0 ? [] : [`${String(lost)} events were lost meanwhile: more may have happened`];

export const tupleWords = (tuple: Tuple): string => `${sourceOf(tuple)} → ${destinationOf(tuple)}`;
