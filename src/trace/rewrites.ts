/** What an entry did to the packets of a stage: which rewrites, of what kind, in which hooks. */
import type { Evaluated, NatEvent } from '../events/event.ts';
import { invert, sameTuple } from '../events/tuple.ts';
import type { Tuple } from '../events/tuple.ts';
import { afterNat, beforeNat } from './connection.ts';
import type { Connection, Crossing, Entry } from './connection.ts';
import type { Knowledge, Rewrite } from './knowledge.ts';
import type { Hook } from './request.ts';
import type { Stage } from './way.ts';

/** A rewrite, and what the kernel told of it, where it is asked. */
export interface Done extends Rewrite {
  seen?: NatEvent;
}

/** @param cameBy device by which the packet came, where the stage's own sightings do not tell */
export function rewritesOf(
  { netns, entry, crossings }: Stage,
  connection: Connection,
  knowledge: Knowledge,
  cameBy: string | undefined,
): Done[] {
  if (entry === undefined) return [];
  const before = beforeNat(entry);
  const after = afterNat(entry);
  const between: Tuple = { ...before, dst: after.dst, dport: after.dport };
  const [first] = crossings;
  const { isSentHere, isDelivered } = passage(connection, entry, first, knowledge);
  const inDevice = first === undefined ? cameBy : knowledge.hookDevice(netns, first.devices.in);
  const outDevice = first && (knowledge.hookDevice(netns, first.devices.out) ?? first.devices.outName);
  const common = {
    original: before,
    ...(inDevice !== undefined && { inDevice }),
    ...(outDevice !== undefined && { outDevice }),
  };
  const rewrites: Done[] = [];
  // Of one whose tracking began with an answer, source and destination are the other way round.
  const making = entry.flipped ? undefined : entry.making;
  if (!sameTuple(before, between)) {
    const hook = isSentHere ? 'OUTPUT' : isByIpvs(entry, before, between) ? 'INPUT' : 'PREROUTING';
    const done = { hook, before, after: between, ...common } as const;
    if (making?.destination !== undefined) {
      rewrites.push(asSeen({ kind: 'dnat', ...done }, making.destination, knowledge));
    } else {
      const redirected = first === undefined && isRedirect(entry);
      const kind = redirected || isLoopbackRedirect(after, before) ? 'redirect' : 'dnat';
      rewrites.push({ kind, ...done });
    }
  }
  if (!sameTuple(between, after)) {
    if (making?.source !== undefined) {
      const done: Done = { kind: 'snat', hook: 'POSTROUTING', before: between, after, ...common };
      rewrites.push(asSeen(done, making.source, knowledge));
      return rewrites;
    }
    const kind = entry.masqueradeIndex !== 0 || isMasquerade(entry, between, after) ? 'masquerade' : 'snat';
    // MASQUERADE stands in POSTROUTING only (masquerade_tg_reg); SNAT of what is delivered in INPUT.
    const hook: Hook = isDelivered && kind === 'snat' ? 'INPUT' : 'POSTROUTING';
    rewrites.push({ kind, hook, before: between, after, ...common });
  }
  return rewrites;
}

/** IPS_DST_NAT (include/uapi/linux/netfilter/nf_conntrack_common.h). */
const DESTINATION_TRANSLATED = 0x20;

/**
 * IPVS translates what comes to an address of the node itself, in INPUT, and alters the entry's reply without telling
 * it of NAT (ip_vs_update_conntrack). A table that was read does not tell the bit; the rules may.
 */
function isByIpvs({ read, flipped, status, original, rules }: Entry, before: Tuple, after: Tuple): boolean {
  if (!read) return !flipped && (status & DESTINATION_TRANSLATED) === 0;
  return rules?.rewriteRule({ kind: 'dnat', hook: 'INPUT', original, before, after }).rule?.table === 'ipvs';
}

/** The same rewrite with the kernel's word for what was concluded: its kind, its hook, and the hook's devices. */
function asSeen(rewrite: Done, seen: NatEvent, knowledge: Knowledge): Done {
  const { netns, hook, what, inIfindex, outIfindex, evaluated } = seen;
  const inDevice = inIfindex === 0 ? undefined : knowledge.device(netns, inIfindex);
  const outDevice = outIfindex === 0 ? undefined : knowledge.device(netns, outIfindex);
  return {
    ...rewrite,
    kind: what === 'masquerade' || what === 'redirect' ? what : rewrite.kind,
    hook,
    ...(inDevice !== undefined && { inDevice }),
    ...(outDevice !== undefined && { outDevice }),
    ...(isTelling(evaluated) && { evaluated }),
    seen,
  };
}

export const isTelling = ({ comment, chains }: Evaluated): boolean =>
  comment !== undefined || chains.length > 0;

/** What conntrack does to the answer, without a rule of its own: the source's rewrite is undone first. */
export function undoneBy(
  entry: Entry,
  first: Crossing,
): Pick<Rewrite, 'kind' | 'hook' | 'before' | 'after'>[] {
  const came = invert(afterNat(entry));
  const left = invert(beforeNat(entry));
  const between: Tuple = { ...came, dst: left.dst, dport: left.dport };
  const undone: ReturnType<typeof undoneBy> = [];
  if (!sameTuple(came, between)) {
    const hook: Hook = first.devices.in === 0 ? 'OUTPUT' : 'PREROUTING';
    undone.push({ kind: 'dnat', hook, before: came, after: between });
  }
  if (!sameTuple(between, left)) {
    undone.push({ kind: 'snat', hook: 'POSTROUTING', before: between, after: left });
  }
  return undone;
}

/** Whether a packet shows that it was rewritten. */
export function shows({ kind, after }: Pick<Rewrite, 'kind' | 'after'>, tuple: Tuple): boolean {
  return kind === 'snat' || kind === 'masquerade'
    ? tuple.src === after.src && tuple.sport === after.sport
    : tuple.dst === after.dst && tuple.dport === after.dport;
}

/** Whether the first packet was sent by the entry's namespace itself, and whether it ended there. */
function passage(
  { reply, mishaps }: Connection,
  entry: Entry,
  first: Crossing | undefined,
  knowledge: Knowledge,
): { isSentHere: boolean; isDelivered: boolean } {
  if (first !== undefined) return { isSentHere: first.devices.in === 0, isDelivered: false };
  // Answers to sockets of the namespace leave by no device: one that is seen was passed on, or sent from here.
  const answer = reply.find((crossing) => crossing.entry === entry);
  if (answer !== undefined) return { isSentHere: false, isDelivered: answer.devices.in === 0 };
  const mishap = mishaps.find(({ event }) => event.netns === entry.netns);
  if (mishap !== undefined) return { isSentHere: mishap.event.inIfindex === 0, isDelivered: false };
  return { isSentHere: knowledge.isLocal(entry.netns, beforeNat(entry).src), isDelivered: false };
}

/** REDIRECT in OUTPUT goes to the loopback address (nf_nat_redirect_ipv4). */
function isLoopbackRedirect(after: Tuple, before: Tuple): boolean {
  return (after.dst === '127.0.0.1' || after.dst === '::1') && before.dst !== after.dst;
}

/** An entry read from the table does not tell SNAT from MASQUERADE; the rules may. */
function isMasquerade(entry: Entry, before: Tuple, after: Tuple): boolean {
  if (!entry.read) return false;
  const { original } = entry;
  const rewrite: Rewrite = { kind: 'masquerade', hook: 'POSTROUTING', original, before, after };
  const rule = entry.rules?.rewriteRule(rewrite).rule;
  return rule !== undefined && /masquerade/i.test(rule.text);
}

/** DNAT to an address of the namespace itself: the rules tell whether it was REDIRECT, else the kept address. */
function isRedirect(entry: Entry): boolean {
  const before = beforeNat(entry);
  const after = afterNat(entry);
  const rewritten: Tuple = { ...before, dst: after.dst, dport: after.dport };
  const rewrite: Rewrite = {
    kind: 'redirect',
    hook: 'PREROUTING',
    original: before,
    before,
    after: rewritten,
  };
  const rule = entry.rules?.rewriteRule(rewrite).rule;
  return rule === undefined ? before.dst === after.dst : /redirect/i.test(rule.text);
}
