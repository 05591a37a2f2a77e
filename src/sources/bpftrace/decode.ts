/**
 * bpftrace's lines to events. The lines are described where they are printed: probes/*.bt.
 */
import type {
  ConntrackView,
  CtInfo,
  DropEvent,
  HookName,
  NetnsId,
  ProcessRef,
  TrafficEvent,
} from '../../events/event.ts';
import { invert } from '../../events/tuple.ts';
import type { Protocol, Tuple } from '../../events/tuple.ts';
import { reasonAt, UNSPECIFIED } from './drop-places.ts';
import { Scanner } from './scan.ts';

/** The account that the program gives of itself every 250 ms. */
export interface Meter {
  at: number;
  level: 'path' | 'nat';
  /** Lines printed since the one before. */
  lines: number;
  /** Events not printed: drops above the limit, flows that found the program's table full. */
  withheld: number;
}

export interface DecoderListener {
  traffic(event: TrafficEvent): void;
  meter(meter: Meter): void;
  /** bpftrace itself lost events. */
  lost(count: number): void;
  /** A line that is not ours, or is broken; the text is bounded and cleaned by who shows it. */
  foreign(line: string): void;
}

const NEWLINE = 10;
/** No line of ours is longer; what is longer is not ours. */
const MAX_LINE = 4096;
const MAX_FRAMES = 16;

/** Of the texts in N, V lines. */
const COMMENT_WORDS = 8;
const CHAIN_WORDS = 6;

/** enum nf_inet_hooks. */
const HOOKS: readonly HookName[] = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
const FORGOTTEN = ['deleted', 'expired', 'removed'] as const;
const REWRITES = ['address', 'masquerade', 'redirect', 'ipvs'] as const;

const CT_INFO: readonly (CtInfo | undefined)[] = [
  'established',
  'related',
  'new',
  'established-reply',
  'related-reply',
  undefined,
  undefined,
  'untracked',
];

export class Decoder {
  private readonly scanner = new Scanner();
  private rest: Buffer = Buffer.alloc(0);
  /** A drop whose stack is still being read. */
  private drop: { event: DropEvent; stack: string[] } | undefined;
  private readonly listener: DecoderListener;
  /** Drop reasons by number, of the kernel that runs. */
  private readonly reasons: ReadonlyMap<number, string>;

  constructor(listener: DecoderListener, reasons: ReadonlyMap<number, string>) {
    this.listener = listener;
    this.reasons = reasons;
  }

  /** Takes bytes as they come; lines may be split anywhere. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.rest.length > 0) {
      bytes = Buffer.concat([this.rest, chunk]);
      this.rest = Buffer.alloc(0);
    }
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      if (end === -1) break;
      this.take(bytes, start, end);
      start = end + 1;
    }
    if (bytes.length - start > MAX_LINE) {
      this.foreign(bytes, start, bytes.length);
    } else if (start < bytes.length) {
      this.rest = Buffer.from(bytes.subarray(start));
    }
  }

  /** No more bytes will come: gives out what was held back. */
  end(): void {
    this.flushDrop();
  }

  private take(bytes: Buffer, start: number, end: number): void {
    const first = bytes[start];
    if (first === 0x20 || first === 0x09) {
      this.frame(bytes, start, end);
      return;
    }
    this.flushDrop();
    if (start === end) return;
    const known = end - start > 2 && end - start <= MAX_LINE;
    if (!known || !this.record(first as number, bytes[start + 1] as number, bytes, start, end)) {
      this.foreign(bytes, start, end);
    }
  }

  /** @returns false where the line is not one of ours, or is cut */
  private record(letter: number, family: number, bytes: Buffer, start: number, end: number): boolean {
    const s = this.scanner;
    if (letter === 0x4d && family === 0x20) {
      s.line(bytes, start + 2, end);
      return this.meterLine();
    }
    if ((family !== 0x34 && family !== 0x36) || bytes[start + 2] !== 0x20) return false;
    const six = family === 0x36;
    s.line(bytes, start + 3, end);
    const at = s.hex();
    const netns = s.hex();
    if (Number.isNaN(at) || Number.isNaN(netns)) return false;
    switch (letter) {
      case 0x50: // P
        return this.packet(at, netns, six, false);
      case 0x43: // C
        return this.packet(at, netns, six, true);
      case 0x45: // E
        return this.icmpError(at, netns, six);
      case 0x44: // D
        return this.dropped(at, netns, six);
      case 0x53: // S
        return this.dialFailed(at, netns, six);
      case 0x52: // R
        return this.delivered(at, netns, six);
      case 0x54: // T
        return this.retransmitted(at, netns, six);
      case 0x4e: // N
        return this.translated(at, netns, six, true);
      case 0x56: // V
        return this.translated(at, netns, six, false);
      case 0x4b: // K
        return this.refused(at, netns, six);
      case 0x47: // G
        return this.forgotten(at, netns, six);
      default:
        return false;
    }
  }

  private meterLine(): boolean {
    const s = this.scanner;
    const at = s.hex();
    const level = s.hex() === 1 ? 'nat' : 'path';
    const lines = s.hex();
    const withheld = s.hex() + s.hex();
    if (Number.isNaN(at + lines + withheld)) return false;
    this.listener.meter({ at, level, lines, withheld });
    return true;
  }

  private packet(at: number, netns: NetnsId, six: boolean, tracked: boolean): boolean {
    const s = this.scanner;
    const ifindex = s.hex();
    const inIfindex = s.hex();
    const skb = s.pointer();
    const nfct = s.pointer();
    const protocolNumber = s.hex();
    const flags = s.hex();
    const seq = swap32(s.hex());
    const ack = swap32(s.hex());
    const device = s.name();
    const protocol = protocolOf(protocolNumber);
    const src = this.address(six);
    const dst = this.address(six);
    const ports = s.hex();
    if (protocol === undefined || Number.isNaN(ports)) return false;
    const tuple = tupleOf(protocol, src, dst, ports);
    const conntrack = tracked ? this.conntrack(nfct, protocol, six) : undefined;
    if (tracked && conntrack === undefined) return false;
    const process = tracked && six ? undefined : this.process();
    this.listener.traffic({
      kind: 'packet',
      at,
      netns,
      ifindex,
      device,
      inIfindex,
      skb,
      tuple,
      flags,
      seq,
      ack,
      conntrack,
      process,
    });
    return true;
  }

  private icmpError(at: number, netns: NetnsId, six: boolean): boolean {
    const s = this.scanner;
    const ifindex = s.hex();
    const inIfindex = s.hex();
    const skb = s.pointer();
    const nfct = s.pointer();
    const device = s.name();
    const src = this.address(six);
    const dst = this.address(six);
    const type = s.hex();
    const code = s.hex();
    const protocol = protocolOf(s.hex());
    const aboutSrc = this.address(six);
    const aboutDst = this.address(six);
    const ports = s.hex();
    if (Number.isNaN(ports)) return false;
    // An error about a protocol that is not traced: ours to read, nobody's to know.
    if (protocol === undefined) return true;
    const about = tupleOf(protocol, aboutSrc, aboutDst, ports);
    const conntrack = this.conntrack(nfct, protocol, six, six ? invert(about) : undefined);
    this.listener.traffic({
      kind: 'icmp-error',
      at,
      netns,
      ifindex,
      device,
      inIfindex,
      skb,
      family: six ? 6 : 4,
      type,
      code,
      src,
      dst,
      about,
      conntrack,
    });
    return true;
  }

  private dropped(at: number, netns: NetnsId, six: boolean): boolean {
    const s = this.scanner;
    const ifindex = s.hex();
    const inIfindex = s.hex();
    const skb = s.pointer();
    const nfct = s.pointer();
    const device = s.name();
    const reason = s.hex();
    const location = s.name();
    const length = s.hex();
    const protocol = protocolOf(s.hex());
    const flags = s.hex();
    const seq = swap32(s.hex());
    const ack = swap32(s.hex());
    const src = this.address(six);
    const dst = this.address(six);
    const ports = s.hex();
    if (Number.isNaN(ports)) return false;
    if (protocol === undefined) return true;
    const given = this.reasons.get(reason) ?? `reason ${String(reason)}`;
    const why = given === UNSPECIFIED ? reasonAt(location) : given;
    // A neighbour of the functions that were meant, as wide as these were taken.
    if (why === undefined) return true;
    const tuple = tupleOf(protocol, src, dst, ports);
    const conntrack = this.conntrack(nfct, protocol, six, six ? invert(tuple) : undefined);
    const process = this.process();
    const stack: string[] = [];
    const event: DropEvent = {
      kind: 'drop',
      at,
      netns,
      ...(ifindex !== 0 && { ifindex, device }),
      inIfindex,
      skb,
      reason: why,
      location,
      length,
      stack,
      tuple,
      flags,
      seq,
      ack,
      conntrack,
      process,
    };
    this.drop = { event, stack };
    return true;
  }

  private dialFailed(at: number, netns: NetnsId, six: boolean): boolean {
    const s = this.scanner;
    const error = s.hex();
    const sport = s.hex();
    const dport = s.hex();
    const src = this.socketAddress(six);
    const dst = this.socketAddress(six);
    const process = this.process();
    if (Number.isNaN(error + sport + dport)) return false;
    const tuple: Tuple = { protocol: 'tcp', src, dst, sport, dport };
    this.listener.traffic({ kind: 'socket', at, netns, what: 'dial-failed', tuple, error, process });
    return true;
  }

  private delivered(at: number, netns: NetnsId, six: boolean): boolean {
    const s = this.scanner;
    const ports = s.hex();
    const src = this.address(six);
    const dst = this.address(six);
    const process = this.process();
    if (Number.isNaN(ports)) return false;
    const tuple = tupleOf('udp', src, dst, ports);
    this.listener.traffic({ kind: 'socket', at, netns, what: 'delivered', tuple, error: 0, process });
    return true;
  }

  private retransmitted(at: number, netns: NetnsId, six: boolean): boolean {
    const s = this.scanner;
    const sport = s.hex();
    const dport = s.hex();
    const timeouts = s.hex();
    const length = s.hex();
    const unacked = s.hex();
    const src = this.socketAddress(six);
    const dst = this.socketAddress(six);
    if (Number.isNaN(sport + dport + timeouts + length + unacked)) return false;
    const tuple: Tuple = { protocol: 'tcp', src, dst, sport, dport };
    this.listener.traffic({ kind: 'retransmit', at, netns, tuple, timeouts, length, unacked });
    return true;
  }

  /** What befalls an entry in a hook, and the rules that were run on the way: a rewrite, or a drop. */
  private translated(at: number, netns: NetnsId, six: boolean, rewritten: boolean): boolean {
    const s = this.scanner;
    const pointer = s.pointer();
    const what = s.hex();
    const inIfindex = s.hex();
    const outIfindex = s.hex();
    const original = this.conntrackTuple(undefined, six);
    const comment = s.text(COMMENT_WORDS);
    const last = s.text(CHAIN_WORDS);
    const before = s.text(CHAIN_WORDS);
    const hook = HOOKS[what & 15];
    if (hook === undefined || Number.isNaN(pointer + what + inIfindex + outIfindex) || s.short) return false;
    // Of a protocol that is not traced: ours to read, nobody's to know.
    if (original === undefined) return true;
    const chains = [before, last].filter((name) => name !== '');
    const evaluated = { ...(comment !== '' && { comment }), chains, entered: (what >>> 16) & 0xffff };
    const entry = { at, netns, pointer, zone: Math.floor(what / 2 ** 32), original, hook, evaluated };
    if (!rewritten) {
      this.listener.traffic({ kind: 'verdict', ...entry });
      return true;
    }
    this.listener.traffic({
      kind: 'nat',
      ...entry,
      manip: ((what >>> 4) & 1) === 1 ? 'destination' : 'source',
      what: REWRITES[(what >>> 8) & 3] ?? 'address',
      inIfindex,
      outIfindex,
    });
    return true;
  }

  private refused(at: number, netns: NetnsId, six: boolean): boolean {
    const why = this.scanner.hex();
    const tuple = this.conntrackTuple(undefined, six);
    if (Number.isNaN(why) || this.scanner.short) return false;
    if (tuple === undefined) return true;
    this.listener.traffic({ kind: 'entry-refused', at, netns, why: why === 1 ? 'clash' : 'full', tuple });
    return true;
  }

  private forgotten(at: number, netns: NetnsId, six: boolean): boolean {
    const what = this.scanner.hex();
    const original = this.conntrackTuple(undefined, six);
    const why = FORGOTTEN[what & 3];
    if (Number.isNaN(what) || this.scanner.short || why === undefined || original === undefined) return false;
    this.listener.traffic({ kind: 'entry-gone', at, netns, zone: what >>> 2, why, original });
    return true;
  }

  /**
   * The entry's words; undefined where the packet had no entry (they stand there all the same, and mean
   * nothing). @param reply given where the line is too long to hold it: what the packet at hand answers to
   */
  private conntrack(
    nfct: number,
    protocol: Protocol,
    six: boolean,
    reply?: Tuple,
  ): ConntrackView | undefined {
    const s = this.scanner;
    const status = s.hex();
    const mark = s.hex();
    const zone = s.hex();
    const tcpState = s.hex();
    const masqueradeIndex = s.hex();
    const original = this.conntrackTuple(protocol, six);
    const answered = reply ?? this.conntrackTuple(protocol, six);
    const info = CT_INFO[nfct & 7];
    const pointer = nfct - (nfct & 7);
    if (pointer === 0 || info === undefined || original === undefined || answered === undefined)
      return undefined;
    return { pointer, info, status, mark, zone, tcpState, masqueradeIndex, original, reply: answered };
  }

  private conntrackTuple(packetProtocol: Protocol | undefined, six: boolean): Tuple | undefined {
    const s = this.scanner;
    const src = this.address(six);
    const dst = this.address(six);
    const sourceWord = s.hex();
    const destinationWord = s.hex();
    if (Number.isNaN(sourceWord + destinationWord)) return undefined;
    // struct nf_conntrack_tuple: dst.u (16 bits), protonum (8), dir (8). An ICMP error carries the entry
    // of the connection that it is about, whose protocol is not the packet's.
    const protocol = protocolOf((destinationWord >>> 16) & 255) ?? packetProtocol;
    if (protocol === undefined) return undefined;
    const sport = swap16(sourceWord & 0xffff);
    const dport = protocol === 'icmp' ? 0 : swap16(destinationWord & 0xffff);
    return { protocol, src, dst, sport, dport };
  }

  private address(six: boolean): string {
    return six ? this.scanner.address6() : this.scanner.address4();
  }

  /** As a socket holds it. */
  private socketAddress(six: boolean): string {
    return six ? this.scanner.address6Words() : this.scanner.address4();
  }

  private process(): ProcessRef | undefined {
    const pid = this.scanner.hex();
    const comm = this.scanner.rest();
    return pid > 0 ? { pid, comm } : undefined;
  }

  private frame(bytes: Buffer, start: number, end: number): void {
    if (this.drop === undefined) return;
    if (this.drop.stack.length >= MAX_FRAMES) return;
    const frame = bytes.toString('latin1', start, Math.min(end, start + 128)).trim();
    const plus = frame.lastIndexOf('+');
    if (frame !== '') this.drop.stack.push(plus > 0 ? frame.slice(0, plus) : frame);
  }

  private flushDrop(): void {
    if (this.drop === undefined) return;
    const { event } = this.drop;
    this.drop = undefined;
    this.listener.traffic(event);
  }

  private foreign(bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString('utf8', start, Math.min(end, start + 200));
    const lost = /^Lost (\d+) events/.exec(text);
    if (lost) this.listener.lost(Number(lost[1]));
    else if (!/^Attaching \d+ probes/.test(text)) this.listener.foreign(text);
  }
}

function protocolOf(number: number): Protocol | undefined {
  switch (number) {
    case 6:
      return 'tcp';
    case 17:
    case 136: // UDP-Lite (RFC 3828) has UDP's ports
      return 'udp';
    case 132:
      return 'sctp';
    case 1:
    case 58:
      return 'icmp';
    default:
      return undefined;
  }
}

/** @param ports the transport header's first 32 bits as they lie in memory; ICMP: the identifier alone */
function tupleOf(protocol: Protocol, src: string, dst: string, ports: number): Tuple {
  const sport = swap16(ports & 0xffff);
  return { protocol, src, dst, sport, dport: protocol === 'icmp' ? 0 : swap16(ports >>> 16) };
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swap32(value: number): number {
  return (
    (((value & 0xff) << 24) |
      ((value & 0xff00) << 8) |
      ((value >>> 8) & 0xff00) |
      ((value >>> 24) & 0xff)) >>>
    0
  );
}
