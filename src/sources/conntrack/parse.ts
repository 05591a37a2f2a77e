import { canonicalAddress } from '../../events/address.ts';
import type { EntryEvent, NetnsId } from '../../events/event.ts';
import type { Protocol, Tuple } from '../../events/tuple.ts';

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  ['sctp', 'sctp'],
  ['icmp', 'icmp'],
  ['icmpv6', 'icmp'],
]);

/**
 * One line of `conntrack -L -o extended` or /proc/net/nf_conntrack:
 * `ipv4 2 tcp 6 298 ESTABLISHED src=… dst=… sport=… dport=… src=… … [ASSURED] mark=0 zone=7 use=1`.
 * Undefined for protocols that are not traced, and for what is no such line.
 */
export function parseEntry(line: string, netns: NetnsId, at: number): EntryEvent | undefined {
  const words = line.split(/ +/);
  const [, , name = '', , , state = ''] = words;
  const protocol = PROTOCOLS.get(name);
  if (protocol === undefined) return undefined;
  const { first, second, flags } = sorted(words);
  const original = tupleOf(first, protocol);
  const reply = tupleOf(second, protocol);
  if (!original || !reply) return undefined;
  return {
    kind: 'entry',
    at,
    netns,
    zone: numberOf(second.get('zone') ?? first.get('zone-orig') ?? second.get('zone-reply')) ?? 0,
    mark: numberOf(second.get('mark')) ?? 0,
    state: /^[A-Z][A-Z0-9_]*$/.test(state) ? state : '',
    // A flow that a flowtable took over is shown as that alone (ct_seq_show): it had been assured.
    assured: ['[ASSURED]', '[OFFLOAD]', '[HW_OFFLOAD]'].some((flag) => flags.includes(flag)),
    replied: !flags.includes('[UNREPLIED]'),
    original,
    reply,
  };
}

type Fields = ReadonlyMap<string, string>;

/** The fields of either direction, the second with what stands behind it; each begins with its source. */
function sorted(words: readonly string[]): { first: Fields; second: Fields; flags: string[] } {
  const first = new Map<string, string>();
  const second = new Map<string, string>();
  const flags: string[] = [];
  let current = first;
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 0) {
      if (word.startsWith('[')) flags.push(word.trimEnd());
      continue;
    }
    const key = word.slice(0, equals);
    if (key === 'src' && current.has(key)) current = second;
    // An echo's identifier comes before the entry's own id.
    if (!current.has(key)) current.set(key, word.slice(equals + 1));
  }
  return { first, second, flags };
}

function tupleOf(fields: Fields, protocol: Protocol): Tuple | undefined {
  const icmp = protocol === 'icmp';
  const src = canonicalAddress(fields.get('src') ?? '');
  const dst = canonicalAddress(fields.get('dst') ?? '');
  const sport = numberOf(fields.get(icmp ? 'id' : 'sport'));
  const dport = icmp ? 0 : numberOf(fields.get('dport'));
  if (src === undefined || dst === undefined || sport === undefined || dport === undefined) return undefined;
  return sport > 65_535 || dport > 65_535 ? undefined : { protocol, src, dst, sport, dport };
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}\s*$/.test(text) ? Number(text) : undefined;
