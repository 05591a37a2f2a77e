import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentOf } from '../../../src/sources/capture/packet.ts';
import { cooked, DST, SRC } from '../../support/captured.ts';
import type { Made } from '../../support/captured.ts';

const linkTypes = [113, 276] as const;
const payload = Buffer.from('GET / HTTP/1.1\r\n\r\n');

const made: fc.Arbitrary<Made> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  payload: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  seq: fc.nat(0xffff_ffff),
  options: fc.constantFrom(0, 4, 40),
  extensions: fc.array(fc.constantFrom(0, 43, 60), { maxLength: 5 }),
  vlan: fc.boolean(),
});

describe('a captured packet', () => {
  it('gives what TCP or UDP carries, whatever headers stand before it', () => {
    fc.assert(
      fc.property(made, fc.constantFrom(...linkTypes), (packet, linkType) => {
        const { protocol, family } = packet;
        expect(segmentOf(linkType, cooked(linkType, packet), 5)).toEqual({
          at: 5,
          tuple: { protocol, src: SRC[family], dst: DST[family], sport: 40_000, dport: 80 },
          seq: protocol === 'tcp' ? packet.seq : 0,
          ack: protocol === 'tcp' ? 77 : 0,
          payload: packet.payload,
          payloadBytes: packet.payload.length,
        });
      }),
    );
  });

  it('that was cut gives what is there, and says how much there was', () => {
    fc.assert(
      fc.property(made, fc.constantFrom(...linkTypes), fc.nat(400), (packet, linkType, kept) => {
        const whole = cooked(linkType, packet);
        const segment = segmentOf(linkType, whole.subarray(0, kept), 5);
        if (typeof segment !== 'object') {
          expect(kept).toBeLessThan(whole.length);
          return;
        }
        expect(segment.payloadBytes).toBe(packet.payload.length);
        expect(packet.payload.subarray(0, segment.payload.length)).toEqual(segment.payload);
      }),
    );
  });

  it('has no trailer of the link in its payload', () => {
    const padded = Buffer.concat([cooked(113, { family: 4, protocol: 'tcp', payload }), Buffer.alloc(6)]);
    expect(segmentOf(113, padded, 5)).toMatchObject({ payload });
  });

  it('with SYN counts it before its first byte', () => {
    const packet = cooked(113, { family: 4, protocol: 'tcp', payload, seq: 0xffff_ffff, flags: 2 });
    expect(segmentOf(113, packet, 5)).toMatchObject({ seq: 0 });
  });

  it.each([4, 6] as const)('of IPv%i that is a later fragment is none, the first one is', (family) => {
    const fragment = { family, protocol: 'udp', payload, extensions: [44] } as const;
    expect(segmentOf(276, cooked(276, { ...fragment, fragmentOffset: 5 }), 5)).toBe('fragment');
    expect(segmentOf(276, cooked(276, { ...fragment, fragmentOffset: 0 }), 5)).toMatchObject({ payload });
  });

  it('with more extension headers than there can be is not followed', () => {
    const packet = { family: 6, protocol: 'tcp', payload, extensions: [60, 60, 60, 60, 60, 60] } as const;
    expect(segmentOf(113, cooked(113, packet), 5)).toBe('malformed');
  });

  it('of another kind is of no interest', () => {
    const arp = Buffer.alloc(44);
    arp.writeUInt16BE(0x0806, 14);
    expect(segmentOf(113, arp, 5)).toBe('other');
    expect(segmentOf(1, arp, 5)).toBe('other');
  });

  it('may be any bytes at all', () => {
    const flipped = fc
      .tuple(made, fc.constantFrom(...linkTypes), fc.array(fc.tuple(fc.nat(150), fc.nat(255))))
      .map(([packet, linkType, changes]) => {
        const bytes = cooked(linkType, packet);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return { bytes, linkType };
      });
    fc.assert(
      fc.property(flipped, fc.uint8Array({ maxLength: 200 }), ({ bytes, linkType }, noise) => {
        for (const data of [bytes, Buffer.from(noise)]) {
          const segment = segmentOf(linkType, data, 5);
          if (typeof segment !== 'object') continue;
          expect(segment.payload.length).toBeLessThanOrEqual(segment.payloadBytes);
          expect(segment.payloadBytes).toBeLessThanOrEqual(65_575);
        }
      }),
    );
  });
});
