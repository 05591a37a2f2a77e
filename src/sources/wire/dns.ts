/**
 * DNS messages over UDP and TCP (RFC 1035), read by dns-packet behind a guard: it trusts the counts in the header
 * and reads past the end of some records, so it is given counts of our own, and its reading is measured.
 */
import dnsPacket from 'dns-packet';
import type { Answer, DecodedPacket } from 'dns-packet';
import { canonicalAddress } from '../../events/address.ts';
import { clean } from '../../events/clean.ts';
import type { DnsHead } from '../../events/head.ts';
import type { Tuple } from '../../events/tuple.ts';
import { MAX_HEAD_BYTES } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';

const HEADER = 12;
/** The header, a root name, type and class. */
const SHORTEST = HEADER + 5;
const MAX_ANSWERS = 32;
const NAME_LIMIT = 256;
/** 5353: where resolvers listen that may not bind 53. */
const PORTS: ReadonlySet<number> = new Set([53, 5353]);

/** Whether a TCP stream is read as DNS: its length and number could be the beginning of anything. */
export const speaksDns = ({ sport, dport }: Tuple): boolean => PORTS.has(dport) || PORTS.has(sport);

/** Over TCP: two bytes of length before it (RFC 1035, 4.2.2). */
export function readDnsStream(bytes: Buffer, { cut }: Pick<ReadOptions, 'cut'>): Reading<DnsHead> {
  if (bytes.length < 2 + HEADER) return cut ? undefined : 'incomplete';
  const length = 2 + bytes.readUInt16BE(0);
  if (length < 2 + SHORTEST || !isQuery(bytes.subarray(2))) return undefined;
  const complete = bytes.length >= length;
  if (!complete && !cut && bytes.length < MAX_HEAD_BYTES) return 'incomplete';
  const there = Math.min(bytes.length, length);
  const message = readDns(bytes.subarray(2, there), complete);
  return message && { message, length: there, body: length - there };
}

/** @param complete whether the message was captured to its end */
export function readDns(bytes: Buffer, complete: boolean): DnsHead | undefined {
  if (bytes.length < SHORTEST || !isQuery(bytes)) return undefined;
  const flags = bytes.readUInt16BE(2);
  const response = flags >= 0x8000;
  const wanted = Math.min(bytes.readUInt16BE(6), MAX_ANSWERS);
  const { packet, answers } = decodeMost(Buffer.from(bytes), wanted, complete);
  const question = packet?.questions?.[0];
  if (question === undefined) return undefined;
  return {
    what: 'dns',
    id: bytes.readUInt16BE(0),
    response,
    name: clean(question.name, NAME_LIMIT),
    type: typeName(question.type),
    ...(response ? { rcode: rcodeName(flags & 0x0f) } : {}),
    answers: (packet?.answers ?? []).flatMap(answerText),
    ...((flags & TRUNCATED) === 0 ? {} : { truncated: true }),
    complete: complete && answers === wanted,
  };
}

const TRUNCATED = 0x0200;
const OPCODE = 0x7800;
const RESERVED = 0x0040;

/** A standard query or its answer, with a question. */
function isQuery(bytes: Buffer): boolean {
  return (bytes.readUInt16BE(2) & (OPCODE | RESERVED)) === 0 && bytes.readUInt16BE(4) > 0;
}

/**
 * All that is wanted; where the capture cut it as many as are there, found by halving. What was broken from the
 * start is not worth the search: its question is read and no more.
 */
function decodeMost(
  guarded: Buffer,
  wanted: number,
  complete: boolean,
): { packet?: DecodedPacket; answers: number } {
  const all = decode(guarded, wanted);
  if (all !== undefined) return { packet: all, answers: wanted };
  let most: { packet?: DecodedPacket; answers: number } = { answers: -1 };
  let failed = complete ? Math.min(wanted, 1) : wanted;
  while (failed - most.answers > 1) {
    const answers = (failed + most.answers) >> 1;
    const packet = decode(guarded, answers);
    if (packet === undefined) failed = answers;
    else most = { packet, answers };
  }
  return most;
}

/** The first question and the first answers; undefined where they are not all there. */
function decode(guarded: Buffer, answers: number): DecodedPacket | undefined {
  guarded.writeUInt16BE(1, 4);
  guarded.writeUInt16BE(answers, 6);
  guarded.writeUInt32BE(0, 8);
  try {
    const packet = dnsPacket.decode(guarded);
    return dnsPacket.decode.bytes <= guarded.length ? packet : undefined;
  } catch {
    return undefined;
  }
}

function answerText(answer: Answer): string[] {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return [canonicalAddress(answer.data) ?? clean(answer.data, NAME_LIMIT)];
    case 'CNAME':
    case 'PTR':
      return [clean(answer.data, NAME_LIMIT)];
    case 'SRV':
      return [clean(`${answer.data.target}:${answer.data.port}`, NAME_LIMIT)];
    case 'MX':
      return [clean(answer.data.exchange, NAME_LIMIT)];
    default:
      return [];
  }
}

/** `TYPE65` (RFC 3597, 5) for what has no name here. */
const typeName = (type: string): string => type.replace(/^UNKNOWN_/, 'TYPE');

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const rcodeName = (rcode: number): string => RCODES[rcode] ?? `RCODE${rcode}`;
