import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrafficEvent } from '../../../src/events/event.ts';
import { connectionLines } from '../../../scripts/bench/lines.ts';
import { Decoder } from '../../../src/sources/bpftrace/decode.ts';

function decode(chunks: readonly Buffer[]): { events: TrafficEvent[]; foreign: string[]; lost: number } {
  const events: TrafficEvent[] = [];
  const foreign: string[] = [];
  let lost = 0;
  const decoder = new Decoder(
    {
      traffic: (event) => events.push(event),
      meter: () => undefined,
      lost: (count) => (lost += count),
      foreign: (line) => foreign.push(line),
    },
    new Map([[12, 'NETFILTER_DROP']]),
  );
  for (const chunk of chunks) decoder.push(chunk);
  decoder.end();
  return { events, foreign, lost };
}

describe('lines of bpftrace', () => {
  it('give the same events however they are split', () => {
    const bytes = Buffer.from(connectionLines(7, false) + connectionLines(8, true));
    const whole = decode([bytes]);
    expect(whole.foreign).toEqual([]);
    expect(whole.events).toHaveLength(10);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        expect(decode(chunks)).toEqual(whole);
      }),
      { seed: 1 },
    );
  });

  it('tell a packet with its entry', () => {
    const [, packet] = decode([Buffer.from(connectionLines(7, true))]).events;
    expect(packet).toMatchObject({
      kind: 'packet',
      device: 'pbr1',
      inIfindex: 2,
      flags: 2,
      tuple: { protocol: 'tcp', src: '10.1.0.1', dst: '10.1.0.2', dport: 8080 },
      conntrack: {
        info: 'new',
        status: 0x1b8,
        masqueradeIndex: 3,
        original: { src: '10.2.0.7', sport: 1031, dst: '10.96.0.1', dport: 80 },
        reply: { src: '10.1.0.2', sport: 8080, dst: '10.1.0.1' },
      },
    });
  });

  it('tell a drop with the functions on its stack', () => {
    const drop =
      'D4 41d18538575 f0000224 2 2 ffff88810436fee0 ffff8883868fc002 eth0 c nft_do_chain 6 2 0 0 2014d0a 2024d0a a11f3caa ' +
      '1 0 0 1 0 2014d0a 2024d0a 2aa3c 6a11f 2024d0a 2014d0a 2a11f 106aa3c 0 \n' +
      '        nft_do_chain+1000\n        nf_hook_slow+67\n        ip_forward+1687\n\n';
    expect(decode([Buffer.from(drop)]).events).toMatchObject([
      {
        kind: 'drop',
        reason: 'NETFILTER_DROP',
        location: 'nft_do_chain',
        stack: ['nft_do_chain', 'nf_hook_slow', 'ip_forward'],
      },
    ]);
  });

  it('count what bpftrace says it lost, and let its own words by', () => {
    const { lost, foreign, events } = decode([
      Buffer.from('Attaching 5 probes...\nLost 12 events\nWARNING: x\n'),
    ]);
    expect({ lost, foreign, events }).toEqual({ lost: 12, foreign: ['WARNING: x'], events: [] });
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (chunks) => {
        decode(chunks.map((chunk) => Buffer.from(chunk)));
      }),
      { seed: 1 },
    );
  });
});
