/**
 * Which probe parts this kernel can carry, and the program made of them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_REASONS, UNSPECIFIED } from './drop-places.ts';
import type { Functions } from './functions.ts';
import { hold, PRECISE } from './precise.ts';
import type { Held, Refused } from './precise.ts';

interface Part {
  file: string;
  /** Every tracepoint it attaches to, as `category/event`. */
  tracepoints: readonly string[];
  /** What is not seen without it, in words. */
  gives: string;
}

/** `traffic` is the floor: without it there is nothing to show. */
const TRAFFIC: Part = { file: 'traffic.bt', tracepoints: ['net/net_dev_queue'], gives: 'packets' };
const DROPS: Part = { file: 'drops.bt', tracepoints: ['skb/kfree_skb'], gives: 'drops and their reasons' };
const OTHERS: readonly Part[] = [
  { file: 'sockets.bt', tracepoints: ['sock/inet_sock_set_state'], gives: 'the processes that dial' },
  {
    file: 'datagrams.bt',
    tracepoints: ['skb/skb_copy_datagram_iovec'],
    gives: 'the processes that receive datagrams',
  },
  { file: 'retransmits.bt', tracepoints: ['tcp/tcp_retransmit_skb'], gives: 'retransmits' },
];

export const TRACEPOINTS: readonly string[] = [TRAFFIC, DROPS, ...OTHERS].flatMap((p) => p.tracepoints);

export interface Program {
  text: string;
  /** In words, what a part left out would have shown, and why it is left out. */
  missing: string[];
  /** Of the precise set, where it was asked for. */
  precise: Held[];
}

/** What a kernel offers to the probes. */
export interface Offer {
  has(tracepoint: string): boolean;
  /** What its kfree_skb calls its reasons. */
  readonly dropReasons: ReadonlyMap<number, string>;
  /** Absent where the precise set is not wanted. */
  readonly functions?: Functions;
}

/**
 * @param probes folder of the *.bt files
 * @param refused parts of the precise set that were tried in vain
 * @throws where the kernel lacks the floor
 */
export async function compose(probes: string, offer: Offer, refused: Refused = new Map()): Promise<Program> {
  const missing: string[] = [];
  const texts = new Map<string, string>();
  const read = (file: string): Promise<string> => readFile(join(probes, file), 'utf8');
  for (const part of [TRAFFIC, DROPS, ...OTHERS]) {
    const absent = part.tracepoints.find((t) => !offer.has(t));
    if (absent !== undefined) {
      if (part === TRAFFIC) throw new MissingTracepointError(absent);
      missing.push(`${part.gives}: this kernel has no tracepoint ${absent}`);
    } else if (part === DROPS && offer.dropReasons === NO_REASONS) {
      missing.push(
        "drops but by rules, bridges and for want of a route: this kernel's kfree_skb gives no reason (needs 5.17)",
      );
      texts.set(part.file, withoutReasons(await read(part.file)));
    } else {
      texts.set(part.file, await read(part.file));
    }
  }
  const precise: Held[] = [];
  const { functions } = offer;
  if (functions !== undefined) {
    for (const part of PRECISE) {
      const held = await hold(part, texts, read, functions, refused);
      precise.push(held);
      if (held.text !== undefined) texts.set(part.file, held.text);
    }
  }
  return { text: oneProgram([...texts.values()]), missing, precise };
}

/** What is told is then told by the place alone. */
const withoutReasons = (text: string): string => text.replaceAll('args->reason', '$16');

/** A program has one BEGIN and one END only; at its end bpftrace prints each map that is not empty. */
function oneProgram(texts: readonly string[]): string {
  const all = texts.join('\n');
  const begins: string[] = [];
  const rest = all.replace(/^BEGIN\n\{\n([^]*?)^\}\n/gm, (_, body: string) => {
    begins.push(body);
    return '';
  });
  const maps = new Set(rest.match(/@\w+/g));
  // What traffic.bt says there tells that all is attached: it comes last.
  const begin = `BEGIN\n{\n${begins.reverse().join('')}}\n`;
  const end = `END\n{\n${[...maps].map((map) => `  clear(${map});\n`).join('')}}\n`;
  return `${begin}\n${rest}\n${end}`;
}

export class MissingTracepointError extends Error {
  readonly tracepoint: string;
  constructor(tracepoint: string) {
    super(`the kernel has no tracepoint ${tracepoint}`);
    this.tracepoint = tracepoint;
  }
}

/**
 * Reasons worth a line. Left out are those of every closed connection (SOCKET_CLOSE, TCP_OLD_DATA, …), of
 * packets for somebody else, and NOT_SPECIFIED, under which kernels file much that is harmless.
 */
const TELLING = [
  'NETFILTER_DROP',
  'NO_SOCKET',
  'IP_RPFILTER',
  'IP_INNOROUTES',
  'IP_OUTNOROUTES',
  'IP_INADDRERRORS',
  'IP_LOCALNET',
  'IP_NOPROTO',
  'IPV6DISABLED',
  'NEIGH_FAILED',
  'NEIGH_QUEUEFULL',
  'NEIGH_CREATEFAIL',
  'NEIGH_DEAD',
  'PKT_TOO_BIG',
  'XFRM_POLICY',
  'BPF_CGROUP_EGRESS',
  'TC_INGRESS',
  'TC_EGRESS',
  'XDP',
  'SOCKET_RCVBUFF',
  'TCP_LISTEN_OVERFLOW',
  'CPU_BACKLOG',
  'QDISC_DROP',
  'FULL_RING',
] as const;

/**
 * The parameters after $11 of probes/drops.bt: this kernel's numbers for the reasons that tell something, as
 * bits of four 32-bit numbers (a list to compare with would be half of bpftrace 0.17's time to compile), then the
 * number for none and the places where that tells something too.
 */
export function dropParameters(
  dropReasons: ReadonlyMap<number, string>,
  places: readonly number[],
): number[] {
  const telling = new Set<string>(TELLING);
  const masks = [0, 0, 0, 0];
  let unspecified = 0;
  for (const [number, name] of dropReasons) {
    const word = Math.floor(number / 32);
    const mask = masks[word];
    if (name === UNSPECIFIED) unspecified = number;
    if (mask !== undefined && telling.has(name)) masks[word] = (mask | (1 << (number % 32))) >>> 0;
  }
  return [...masks, unspecified, ...places];
}

/**
 * @param format text of events/skb/kfree_skb/format, which lists the reasons in its print format
 * @returns `NO_REASONS` where it lists none
 */
export function parseDropReasons(format: string): ReadonlyMap<number, string> {
  const reasons = new Map<number, string>();
  for (const [, number, name] of format.matchAll(/\{ (\d+), "([A-Z0-9_]+)" \}/g)) {
    if (number !== undefined && name !== undefined) reasons.set(Number(number), name);
  }
  return reasons.size > 0 ? reasons : NO_REASONS;
}
