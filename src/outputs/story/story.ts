/** One request told in words: the answer first, then what it rests on, then what was not seen. */
import type { Clock, Request } from '../../trace/request.ts';
import { answer, clientAddress, whatBroke, whoComplained } from './answer.ts';
import { lookup } from './lookup.ts';
import { paragraph } from './parts.ts';
import type { Section } from './parts.ts';
import { remedies } from './remedies.ts';
import { wayBack, wayThere } from './way.ts';
import type { WayOptions } from './way.ts';

export function storyOf(request: Request, options: WayOptions): Section[] {
  return [
    answer(request),
    ...whatBroke(request),
    ...whoComplained(request),
    clientAddress(request),
    ...remedies(request),
    ...lookup(request),
    ...wayThere(request, options),
    ...wayBack(request),
    ...doubts(request),
  ];
}

const clockWord = ({ node, uncertaintyMs, handshakes }: Clock): string =>
  `times on ${node} are placed by ${String(handshakes)} connections that were seen on both sides: ± ${String(uncertaintyMs)} ms`;

function doubts({ inferred, lostEvents, retransmits, hops, replyHops, clocks = [] }: Request): Section[] {
  const hooks = [...hops, ...replyHops].some((hop) => hop.hookObserved === false);
  const texts = [
    ...inferred,
    ...(hooks ? ["~ before a hook: not seen, but it follows from the packet's direction"] : []),
    ...clocks.filter(({ by }) => by === 'packets').map(clockWord),
    ...(retransmits > 0 ? [`sent again ${String(retransmits)} ${retransmits === 1 ? 'time' : 'times'}`] : []),
    ...(lostEvents > 0
      ? [
          `${String(lostEvents)} events were lost meanwhile, which may have belonged to it: the way may be incomplete`,
        ]
      : []),
  ];
  if (texts.length === 0) return [];
  return [
    {
      title: 'WHAT WAS NOT SEEN, OR ONLY CONCLUDED',
      paragraphs: texts.map((text) => paragraph(`- ${text}`)),
    },
  ];
}
