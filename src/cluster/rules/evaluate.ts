import type { Hook } from '../../trace/request.ts';
import { contains, parseAddress } from './address.ts';
import type { Element, Elements } from './elements.ts';
import type { Field, Match, PortRange } from './model.ts';
import { hasNoDevice, type Packet } from './packet.ts';

/**
 * `chance`: luck or memory decided, either way is as good. `unknown`: the rule asks what is not known of
 * the packet, or in a way that is not understood.
 */
export type Answer = 'yes' | 'no' | 'chance' | 'unknown';

export interface Circumstances {
  readonly packet: Packet;
  readonly mark: number;
  readonly hook: Hook;
}

/** Whether a packet that opens a connection matches. */
export function evaluate(match: Match, given: Circumstances): Answer {
  const answer = plain(match, given);
  if (!match.negated) return answer;
  return answer === 'yes' ? 'no' : answer === 'no' ? 'yes' : answer;
}

const truth = (value: boolean): Answer => (value ? 'yes' : 'no');

function plain(match: Match, given: Circumstances): Answer {
  const { packet } = given;
  switch (match.kind) {
    case 'address': {
      if (match.exact !== undefined) return truth(packet[match.side] === match.exact);
      const address = parseAddress(packet[match.side]);
      return match.range && address ? truth(contains(match.range, address)) : 'unknown';
    }
    case 'port':
      return ports(match.ranges, match.side, packet);
    case 'protocol':
      return truth(packet.protocol === match.protocol);
    case 'family':
      return truth(packet.family === match.family);
    case 'device':
      return device(match.name, match.side, given);
    case 'address-type':
      return addressType(match.types, match.side, packet);
    case 'conntrack':
      return conntrack(match.states, packet);
    case 'mark':
      return truth((given.mark & match.mask) === match.value);
    case 'elements':
      return elements(match.key, match.elements, given);
    default:
      return match.kind;
  }
}

function ports(ranges: readonly PortRange[], side: 'src' | 'dst' | 'either', packet: Packet): Answer {
  if (packet.protocol === 'icmp') return 'no';
  const within = (port: number): boolean => ranges.some(([first, last]) => port >= first && port <= last);
  return truth((side !== 'src' && within(packet.dport)) || (side !== 'dst' && within(packet.sport)));
}

function device(name: string, side: 'in' | 'out', { packet, hook }: Circumstances): Answer {
  if (hasNoDevice(packet, side, hook)) return 'no';
  const actual = side === 'in' ? packet.inDevice : packet.outDevice;
  if (actual === undefined) return 'unknown';
  return truth(name.endsWith('*') ? actual.startsWith(name.slice(0, -1)) : actual === name);
}

function addressType(types: readonly string[], side: 'src' | 'dst', packet: Packet): Answer {
  const local = side === 'src' ? packet.srcLocal : packet.dstLocal;
  const address = packet[side];
  const multicast = /^(?:22[4-9]|23\d)\.|^ff/.test(address);
  let understood = true;
  for (const type of types) {
    if (type === 'local') {
      if (local) return 'yes';
    } else if (type === 'multicast') {
      if (multicast) return 'yes';
    } else if (type === 'unicast') {
      if (!local && !multicast && address !== '255.255.255.255') return 'yes';
    } else understood = false;
  }
  return understood || local ? 'no' : 'unknown';
}

function conntrack(states: readonly string[], packet: Packet): Answer {
  if (states.includes('new')) return 'yes';
  if (states.includes('dnat') && packet.translated) return 'yes';
  // A packet in mid-stream may be invalid; the tuples do not tell.
  return states.includes('invalid') ? 'unknown' : 'no';
}

function elements(key: readonly Field[], set: Elements<true>, given: Circumstances): Answer {
  const found = lookup(key, set, given);
  return typeof found === 'string' ? found : 'yes';
}

/** The element a packet finds in a set or map. */
export function lookup<Value>(
  key: readonly Field[],
  set: Elements<Value>,
  given: Circumstances,
): Element<Value> | Exclude<Answer, 'yes'> {
  if (set.volatile) return 'chance';
  const values: string[] = [];
  for (const field of key) {
    const value = fieldValue(field, given);
    if (value === undefined) return field === 'chance' ? 'chance' : 'unknown';
    values.push(value);
  }
  return set.find(values) ?? 'no';
}

function fieldValue(field: Field, { packet, mark, hook }: Circumstances): string | undefined {
  switch (field) {
    case 'src':
    case 'dst':
    case 'protocol':
      return packet[field];
    case 'sport':
    case 'dport':
      return String(packet[field]);
    case 'in':
    case 'out':
      if (hasNoDevice(packet, field, hook)) return '';
      return field === 'in' ? packet.inDevice : packet.outDevice;
    case 'mark':
      return String(mark >>> 0);
    case 'src-type':
    case 'dst-type':
      return (field === 'src-type' ? packet.srcLocal : packet.dstLocal) ? 'local' : 'unicast';
    default:
      return undefined;
  }
}
