import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrafficEvent } from '../../../src/events/event.ts';
import { connectionLines } from '../../../scripts/bench/lines.ts';
import { Decoder } from '../../../src/sources/bpftrace/decode.ts';
import { startsOf } from '../../../src/sources/bpftrace/drop-places.ts';

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
    new Map([
      [2, 'NOT_SPECIFIED'],
      [12, 'NETFILTER_DROP'],
    ]),
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
      'D4 41d18538575 f0000224 2 2 ffff88810436fee0 ffff8883868fc002 eth0 c nft_do_chain 3c 6 2 0 0 2014d0a 2024d0a a11f3caa ' +
      '1 0 0 1 0 2014d0a 2024d0a 2aa3c 6a11f 2024d0a 2014d0a 2a11f 106aa3c 0 \n' +
      '        nft_do_chain+1000\n        nf_hook_slow+67\n        ip_forward+1687\n\n';
    expect(decode([Buffer.from(drop)]).events).toMatchObject([
      {
        kind: 'drop',
        reason: 'NETFILTER_DROP',
        location: 'nft_do_chain',
        length: 60,
        stack: ['nft_do_chain', 'nf_hook_slow', 'ip_forward'],
      },
    ]);
  });

  it('tell a drop without a reason only where the function that drops means one', () => {
    const drop = (location: string): string =>
      `D4 41d18538575 f0000224 2 2 ffff88810436fee0 0 cbr0 2 ${location} 3c 6 2 0 0 2014d0a 2024d0a a11f3caa ` +
      '0 0 0 0 0 0 0 0 0 0 0 0 0 0 \n        x+1\n\n';
    const lines = [
      'ip_error',
      'br_handle_frame_finish.isra.0',
      'br_handle_frame',
      'tcp_v4_rcv',
      'nf_hook_slow',
    ].map(drop);
    const { events, foreign } = decode([Buffer.from(lines.join(''))]);
    expect(events.map((event) => event.kind === 'drop' && [event.location, event.reason])).toEqual([
      ['ip_error', 'NOT_SPECIFIED'],
      ['br_handle_frame_finish.isra.0', 'NOT_SPECIFIED'],
      ['nf_hook_slow', 'NETFILTER_DROP'],
    ]);
    expect(foreign).toEqual([]);
  });

  it('tell an entry that conntrack forgot, and why', () => {
    const lines = [
      'G4 41d363de1bb f00001df 0 163000a 70c8a733 38ac 6401f\n',
      'G4 41d363de1bc f00001df 1d 163000a 70c8a733 38ac 6401f\n',
      'G6 41d363de1bd f00001df 2 1000000fd 1 2000000fd 2 38ac 6401f\n',
    ];
    const { events, foreign } = decode([Buffer.from(lines.join(''))]);
    expect(foreign).toEqual([]);
    const v4 = { protocol: 'tcp', src: '10.0.99.1', dst: '51.167.200.112', sport: 44_088, dport: 8_000 };
    expect(events).toMatchObject([
      { kind: 'entry-gone', netns: 0xf00001df, zone: 0, why: 'deleted', original: v4 },
      { kind: 'entry-gone', zone: 7, why: 'expired', original: v4 },
      { kind: 'entry-gone', why: 'removed', original: { protocol: 'tcp', sport: 44_088, dport: 8_000 } },
    ]);
    expect(decode([Buffer.from('G4 41d363de1bb f00001df 3 163000a 70c8a733 38ac 6401f\n')]).events).toEqual(
      [],
    );
  });

  it('tell a segment sent again, and how often in vain', () => {
    const line = 'T4 41d363de1bb f00001df aa3c 1fa1 3 54c b7daea4f 2014d0a 2024d0a\n';
    expect(decode([Buffer.from(line)]).events).toMatchObject([
      {
        kind: 'retransmit',
        tuple: { sport: 43_580, dport: 8_097 },
        timeouts: 3,
        length: 1_356,
        unacked: 0xb7daea4f,
      },
    ]);
  });

  it('come with where those functions begin, whatever else is called alike', () => {
    const symbols = [
      'ffffffff81fefca0 t ip_error',
      'ffffffff81fefcb0 T ip_error_report',
      'ffffffffc0a5b260 t br_handle_frame_finish\t[bridge]',
      'ffffffffc0b76b90 t br_nf_dev_queue_xmit.isra.0\t[br_netfilter]',
      '',
    ].join('\n');
    expect(startsOf(symbols)).toEqual([0x81fefca0, 0xc0a5b260, 0, 0xc0b76b90, 0]);
    expect(startsOf('')).toEqual([0, 0, 0, 0, 0]);
  });

  /** Text as it lies in memory, in words of eight bytes, as `%lx` prints them. */
  const words = (text: string, count: number): string => {
    const bytes = Buffer.alloc(count * 8);
    bytes.write(text.slice(0, count * 8));
    return Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(i * 8).toString(16)).join(' ');
  };
  const ran = (comment: string, chain: string, before = ''): string =>
    `${words(comment, 8)} ${words(chain, 6)} ${words(before, 6)}`;

  it('tell a translation with its hook, kind and devices, and the rules that were run', () => {
    const texts = ran('default/web:http', 'KUBE-SEP-B', 'KUBE-SVC-A');
    const dnat = `N4 41d f0000224 ffff8883868fc000 40010 2 0 2014d0a a00600a 2ea3a 65000 ${texts}\n`;
    const masquerade = `N4 41e f0000224 ffff8883868fc000 500000104 2 3 2014d0a a00600a 2ea3a 65000 ${ran('', '')}\n`;
    const { events, foreign } = decode([Buffer.from(dnat + masquerade)]);
    const original = { protocol: 'tcp', src: '10.77.1.2', dst: '10.96.0.10', sport: 15082, dport: 80 };
    const entry = { kind: 'nat', netns: 0xf0000224, pointer: 0x8883868fc000, original };
    const evaluated = { comment: 'default/web:http', chains: ['KUBE-SVC-A', 'KUBE-SEP-B'], entered: 4 };
    expect(foreign).toEqual([]);
    expect(events).toEqual([
      {
        ...entry,
        ...{ at: 0x41d, zone: 0, hook: 'PREROUTING', evaluated },
        ...{ manip: 'destination', what: 'address', inIfindex: 2, outIfindex: 0 },
      },
      {
        ...entry,
        ...{ at: 0x41e, zone: 5, hook: 'POSTROUTING', evaluated: { chains: [], entered: 0 } },
        ...{ manip: 'source', what: 'masquerade', inIfindex: 2, outIfindex: 3 },
      },
    ]);
  });

  it('tell which rules ran before a drop, and what conntrack turned away', () => {
    const v6 = '100000000000fd 200000000000000 100000000000fd 300000000000000';
    const verdict = `V6 41d f0000224 ffff8883868fc000 2 0 0 ${v6} a0ea3a 115000 ${ran('drop rule', '')}\n`;
    const full =
      'K4 41d f0000224 0 2014d0a a00600a ea3a 115000\nK4 41d f0000224 1 2014d0a a00600a ea3a 115000\n';
    const { events, foreign } = decode([Buffer.from(verdict + full)]);
    expect(foreign).toEqual([]);
    expect(events).toMatchObject([
      {
        kind: 'verdict',
        hook: 'FORWARD',
        original: { protocol: 'udp', src: 'fd00:0:0:1000::2', dport: 80 },
        evaluated: { comment: 'drop rule', chains: [], entered: 0 },
      },
      { kind: 'entry-refused', why: 'full', tuple: { protocol: 'udp', dst: '10.96.0.10' } },
      { kind: 'entry-refused', why: 'clash' },
    ]);
  });

  it('are read as a 7.2 kernel and bpftrace 0.27 printed them', () => {
    const printed = readFileSync(new URL('../../fixtures/precise-7.2.txt', import.meta.url));
    const { events, foreign } = decode([printed]);
    expect(foreign).toEqual([]);
    const original = { src: '10.77.1.2', dst: '10.96.0.10', dport: 80 };
    expect(events).toMatchObject([
      {
        kind: 'nat',
        ...{
          original,
          hook: 'PREROUTING',
          manip: 'destination',
          what: 'address',
          inIfindex: 2,
          outIfindex: 0,
        },
        evaluated: { comment: 'default/web:http', chains: ['KUBE-MARK-MASQ', 'KUBE-SEP-B'], entered: 4 },
      },
      {
        kind: 'nat',
        ...{
          original,
          hook: 'POSTROUTING',
          manip: 'source',
          what: 'masquerade',
          inIfindex: 2,
          outIfindex: 3,
        },
        evaluated: {
          comment: 'kubernetes service traffic requiring SNAT',
          chains: ['KUBE-POSTROUTING'],
          entered: 1,
        },
      },
      {
        kind: 'nat',
        ...{ hook: 'PREROUTING', manip: 'destination', what: 'redirect' },
        evaluated: { comment: 'redir rule', chains: ['KUBE-SERVICES'] },
      },
      { kind: 'verdict', hook: 'FORWARD', evaluated: { comment: 'drop rule', chains: [] } },
      { kind: 'verdict', hook: 'FORWARD', evaluated: { comment: 'drop rule', chains: [] } },
      { kind: 'verdict', hook: 'FORWARD', evaluated: { comment: 'reject rule', chains: [] } },
    ]);
  });

  it('hold texts that nobody can end a line with', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.string({ maxLength: 80 }), (comment, chain) => {
        const line = `N4 41d f0000224 ffff8883868fc000 10010 2 0 2014d0a a00600a ea3a 65000 ${ran(comment, chain)}`;
        const { events, foreign } = decode([Buffer.from(`${line}\n`)]);
        expect(foreign).toEqual([]);
        expect(events).toHaveLength(1);
        const said = JSON.stringify(events);
        expect(said).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        // A line that was cut is not ours to guess at.
        expect(decode([Buffer.from(`${line.slice(0, -12)}\n`)]).events.length).toBeLessThanOrEqual(1);
        expect(decode([Buffer.from(`${line.slice(0, 60)}\n`)])).toMatchObject({ events: [] });
      }),
      { seed: 3 },
    );
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
