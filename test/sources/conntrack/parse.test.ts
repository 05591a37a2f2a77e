import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEntry } from '../../../src/sources/conntrack/parse.ts';

const parse = (line: string) => parseEntry(line, 7, 1000);

describe('parseEntry', () => {
  it('reads an established connection with counters and times', () => {
    expect(
      parse(
        'ipv4     2 tcp      6 298 ESTABLISHED src=10.100.0.10 dst=10.100.0.2 sport=6443 dport=40682 packets=7 bytes=5817 src=10.100.0.2 dst=10.100.0.10 sport=40682 dport=6443 packets=5 bytes=330 [ASSURED] mark=0 delta-time=5 use=1 id=3543865532',
      ),
    ).toEqual({
      kind: 'entry',
      at: 1000,
      netns: 7,
      zone: 0,
      mark: 0,
      state: 'ESTABLISHED',
      assured: true,
      replied: true,
      original: { protocol: 'tcp', src: '10.100.0.10', dst: '10.100.0.2', sport: 6443, dport: 40682 },
      reply: { protocol: 'tcp', src: '10.100.0.2', dst: '10.100.0.10', sport: 40682, dport: 6443 },
    });
  });

  it('reads an unanswered datagram flow with zone and mark', () => {
    expect(
      parse(
        'ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=48564 dport=5353 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=5353 dport=48564 mark=16384 zone=7 use=1',
      ),
    ).toMatchObject({ state: '', assured: false, replied: false, mark: 0x4000, zone: 7 });
  });

  it('reads a zone that holds for one direction', () => {
    expect(
      parse(
        'ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=57171 dport=5354 zone-orig=9 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=5354 dport=57171 mark=16384 use=1',
      ),
    ).toMatchObject({ zone: 9 });
  });

  it('brings addresses as /proc/net/nf_conntrack spells them into canonical form', () => {
    expect(
      parse(
        'ipv6     10 udp      17 29 src=2001:0db8:0000:0000:0000:0000:0000:0001 dst=fd00:0010:0000:0000:0000:0000:0000:0053 sport=35860 dport=53 [UNREPLIED] src=fd00:0010:0000:0000:0000:0000:0000:0053 dst=2001:0db8:0000:0000:0000:0000:0000:0001 sport=53 dport=35860 mark=0 zone=0 use=2',
      )?.original,
    ).toEqual({ protocol: 'udp', src: '2001:db8::1', dst: 'fd00:10::53', sport: 35860, dport: 53 });
  });

  it("takes an echo's identifier, not the entry's id", () => {
    expect(
      parse(
        'ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=4711 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=4711 mark=0 use=1 id=99',
      ),
    ).toMatchObject({
      original: { protocol: 'icmp', src: '10.0.0.1', dst: '10.0.0.2', sport: 4711, dport: 0 },
      reply: { protocol: 'icmp', src: '10.0.0.2', dst: '10.0.0.1', sport: 4711, dport: 0 },
    });
    expect(
      parse(
        'ipv6     10 icmpv6   58 29 src=::1 dst=::1 type=128 code=0 id=5 [UNREPLIED] src=::1 dst=::1 type=129 code=0 id=5 mark=0 use=1',
      ),
    ).toMatchObject({ replied: false, original: { protocol: 'icmp', src: '::1', sport: 5 } });
  });

  it('reads SCTP, and a flow a flowtable took over as assured', () => {
    expect(
      parse(
        'ipv4     2 sctp     132 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=38000 dport=3868 src=10.0.0.2 dst=10.0.0.1 sport=3868 dport=38000 [OFFLOAD] mark=0 use=1',
      ),
    ).toMatchObject({ state: 'ESTABLISHED', assured: true, original: { protocol: 'sctp', dport: 3868 } });
  });

  it('leaves out protocols that are not traced, and broken lines', () => {
    for (const line of [
      '',
      'conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.',
      'ipv4     2 gre      47 29 src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0x0 src=10.0.0.2 dst=10.0.0.1 srckey=0x0 dstkey=0x0 mark=0 use=1',
      'ipv4     2 unknown  2 599 src=10.0.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.0.0.1 mark=0 use=1',
      'ipv4     2 tcp      6 298 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2',
      'ipv4     2 tcp      6 298 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=99999 src=10.0.0.2 dst=10.0.0.1 sport=99999 dport=1',
      'ipv4     2 tcp      6 298 ESTABLISHED src=nowhere dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=nowhere sport=2 dport=1',
    ]) {
      expect(parse(line)).toBeUndefined();
    }
  });

  it.each(['iptables/node-a', 'iptables/node-b', 'nftables/node-a', 'nftables/node-b'])(
    "reads every line of a real node's table: %s",
    (node) => {
      const table = readFileSync(
        new URL(`../../fixtures/kube-proxy/${node}/conntrack.txt`, import.meta.url),
        'utf8',
      );
      const lines = table.trim().split('\n');
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(parse(line), line).toBeDefined();
    },
  );

  it('gives back what the tool would print, whatever the values', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6().filter((ip) => !ip.includes('.')),
    );
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(
        fc.record({
          src: address,
          dst: address,
          sport: port,
          dport: port,
          replySrc: address,
          replyDst: address,
        }),
        fc.record({
          mark: fc.nat(0xffffffff),
          zone: fc.nat(65_535),
          replied: fc.boolean(),
          assured: fc.boolean(),
        }),
        fc.constantFrom('tcp', 'udp', 'sctp'),
        (tuple, rest, protocol) => {
          const state = protocol === 'udp' ? '' : 'ESTABLISHED ';
          const entry = parse(
            `ipv4 2 ${protocol} 6 30 ${state}src=${tuple.src} dst=${tuple.dst} sport=${tuple.sport} dport=${tuple.dport} ` +
              `${rest.replied ? '' : '[UNREPLIED] '}src=${tuple.replySrc} dst=${tuple.replyDst} sport=${tuple.dport} dport=${tuple.sport} ` +
              `${rest.assured ? '[ASSURED] ' : ''}mark=${rest.mark} zone=${rest.zone} use=1 id=1`,
          );
          expect(entry).toMatchObject({ ...rest, state: state.trim() });
          expect(entry?.original).toMatchObject({ protocol, sport: tuple.sport, dport: tuple.dport });
          expect(entry?.reply).toMatchObject({ sport: tuple.dport, dport: tuple.sport });
        },
      ),
    );
  });

  it('throws at nothing', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'ipv4',
        'tcp',
        'icmp',
        'src=10.0.0.1',
        'dst=::1',
        'sport=1',
        'dport=2',
        'id=3',
        'mark=4',
        'zone=5',
      ),
    );
    fc.assert(fc.property(fc.array(word, { maxLength: 30 }), (words) => void parse(words.join(' '))));
  });
});
