/** What a story is made of: sections of paragraphs, laid out by whoever prints them. */
import { formatEndpoint } from '../../events/tuple.ts';
import { printable } from '../../terminal/text.ts';
import { splitEndpoint } from '../../trace/filter/way.ts';
import { legsOf } from '../../trace/legs.ts';
import type { Endpoint, Hop, Request } from '../../trace/request.ts';

export interface Paragraph {
  readonly text: string;
  /** Stands before the text, in a column of its own: a time. `''` keeps the column free. */
  readonly label?: string;
}

export interface Section {
  /** Absent for the first, which is its own title. */
  readonly title?: string;
  /** What the title's colour tells of. */
  readonly about?: 'verdict' | 'state';
  readonly paragraphs: readonly Paragraph[];
}

/** The one way to put text into a story: what comes from outside is cleaned here. */
export function paragraph(text: string, label?: string): Paragraph {
  return { text: printable(text), ...(label !== undefined && { label }) };
}

/** Name before address; without a name the address alone. */
export function whoIs({ ip, port, name, portName }: Endpoint): string {
  const address = formatEndpoint(ip, port ?? 0);
  if (name === undefined) return address;
  return `${portName === undefined ? name : `${name}:${portName}`} (${address})`;
}

/** The same with the node it is on. */
export function whoIsWhere(end: Endpoint): string {
  return end.node === undefined || end.node === end.name ? whoIs(end) : `${whoIs(end)} on ${end.node}`;
}

/** Who an address is, by what the request itself tells of its ends. */
export class Names {
  private readonly ends = new Map<string, string>();
  private readonly machines = new Map<string, string>();

  constructor(request: Request) {
    for (const leg of [...legsOf(request), request]) {
      this.learn(leg.dialled);
      this.learn(leg.server);
      this.learn(leg.sourceSeenByServer);
      this.learn(leg.client);
    }
  }

  /** `10.0.2.2:8080 (default/web)`, or the address alone. */
  of(address: string): string {
    const name = this.nameOf(address);
    return name === undefined ? address : `${address} (${name})`;
  }

  nameOf(address: string): string | undefined {
    return this.ends.get(address) ?? this.machines.get(splitEndpoint(address).ip);
  }

  private learn(end: Endpoint | undefined): void {
    if (end?.name === undefined) return;
    this.ends.set(formatEndpoint(end.ip, end.port ?? 0), end.name);
    // A node's address is also that of each NodePort.
    if (end.kind !== 'service') this.machines.set(end.ip, end.name);
  }
}

/** Where a hop was seen: its namespace, and the node where that is another name. */
export function placeOf({ netns, node }: Hop): string {
  const own =
    netns?.name ?? node ?? (netns === undefined ? 'An unknown place' : `netns ${String(netns.inum)}`);
  return node === undefined || node === own ? own : `${own} on ${node}`;
}

export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);
