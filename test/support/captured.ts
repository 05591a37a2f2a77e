/** Packets as a cooked capture holds them, made by hand. */
export interface Made {
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly payload: Buffer;
  readonly seq?: number;
  readonly flags?: number;
  /** Bytes of TCP or IPv4 options: a multiple of four. */
  readonly options?: number;
  /** IPv6 extension headers before the transport header. */
  readonly extensions?: readonly number[];
  readonly fragmentOffset?: number;
  readonly vlan?: boolean;
}

export const SRC = { 4: '10.0.0.1', 6: 'fd00::1' } as const;
export const DST = { 4: '10.0.0.2', 6: 'fd00::2' } as const;

/** LINUX_SLL (113) or LINUX_SLL2 (276) around IP. */
export function cooked(linkType: 113 | 276, made: Made): Buffer {
  const ip = made.family === 4 ? ipv4(made) : ipv6(made);
  const etherType = made.family === 4 ? 0x0800 : 0x86dd;
  const link = Buffer.alloc(linkType === 113 ? 16 : 20);
  link.writeUInt16BE(made.vlan === true ? 0x8100 : etherType, linkType === 113 ? 14 : 0);
  const tag = made.vlan === true ? Buffer.from([0, 7, etherType >>> 8, etherType & 0xff]) : Buffer.alloc(0);
  return Buffer.concat([link, tag, ip]);
}

function ipv4(made: Made): Buffer {
  const inner = transport(made);
  const header = Buffer.alloc(20 + (made.options ?? 0));
  header.writeUInt8(0x40 | (header.length / 4), 0);
  header.writeUInt16BE(header.length + inner.length, 2);
  header.writeUInt16BE(made.fragmentOffset ?? 0, 6);
  header.writeUInt8(made.protocol === 'tcp' ? 6 : 17, 9);
  header.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
  return Buffer.concat([header, inner]);
}

function ipv6(made: Made): Buffer {
  const inner = transport(made);
  const last = made.protocol === 'tcp' ? 6 : 17;
  const kinds = made.extensions ?? [];
  const extensions = kinds.map((_, i) => {
    const header = Buffer.alloc(8);
    header.writeUInt8(kinds[i + 1] ?? last, 0);
    if (made.fragmentOffset !== undefined) header.writeUInt16BE(made.fragmentOffset << 3, 2);
    return header;
  });
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(inner.length + 8 * kinds.length, 4);
  header.writeUInt8(kinds[0] ?? last, 6);
  header.set([0xfd, ...zeros(14), 1], 8);
  header.set([0xfd, ...zeros(14), 2], 24);
  return Buffer.concat([header, ...extensions, inner]);
}

const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

function transport({ protocol, payload, seq = 1000, flags = 0x18, options = 0 }: Made): Buffer {
  const header = Buffer.alloc(protocol === 'tcp' ? 20 + options : 8);
  header.writeUInt16BE(40_000, 0);
  header.writeUInt16BE(80, 2);
  if (protocol === 'tcp') {
    header.writeUInt32BE(seq, 4);
    header.writeUInt32BE(77, 8);
    header.writeUInt8((header.length / 4) << 4, 12);
    header.writeUInt8(flags, 13);
  } else header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}
