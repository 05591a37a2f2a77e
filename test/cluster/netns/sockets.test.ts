import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSctp, parseTcp, parseUdp } from '../../../src/cluster/netns/sockets.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, state: string, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 100 0\n`;

/** As the kernel prints it: each word of four bytes as a number of the machine's byte order. */
const words = (bytes: readonly number[]): string => {
  const buffer = Buffer.from(bytes);
  return (endianness() === 'LE' ? buffer.swap32() : buffer).toString('hex').toUpperCase();
};
const ANY6 = words(new Array<number>(16).fill(0));

describe('parseTcp', () => {
  it('takes listening sockets alone', () => {
    const text =
      HEAD + row(`${words([127, 0, 0, 1])}:1F90`, '0A', 42) + row(`${words([10, 0, 0, 1])}:0050`, '01', 43);
    expect(parseTcp(text)).toEqual([{ protocol: 'tcp', ip: '127.0.0.1', port: 8080, inode: 42 }]);
  });

  it('knows the address of any family, and an IPv4 address in IPv6', () => {
    const mapped = words([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 9]);
    const text =
      HEAD + row(`${ANY6}:0050`, '0A', 1) + row(`${mapped}:0051`, '0A', 2) + row('00000000:0052', '0A', 3);
    expect(parseTcp(text).map(({ ip, port }) => [ip, port])).toEqual([
      ['*', 80],
      ['10.0.0.9', 81],
      ['0.0.0.0', 82],
    ]);
  });
});

describe('parseUdp', () => {
  it('takes sockets without a peer, outside of the ports that clients are given', () => {
    const text =
      HEAD +
      row('00000000:0035', '07', 1) +
      row('00000000:9C40', '07', 2) +
      row(`${words([10, 0, 0, 1])}:0202`, '01', 3);
    expect(parseUdp(text)).toEqual([{ protocol: 'udp', ip: '0.0.0.0', port: 53, inode: 1 }]);
  });
});

describe('parseSctp', () => {
  it('takes each address of a listening endpoint', () => {
    const text =
      ' ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n' +
      'ffff8880 ffff8881 2   10  29   3868      0 77 10.0.0.1 fd00::1 \n' +
      'ffff8880 ffff8881 2   7   29   3869      0 78 10.0.0.1 \n';
    expect(parseSctp(text)).toEqual([
      { protocol: 'sctp', ip: '10.0.0.1', port: 3868, inode: 77 },
      { protocol: 'sctp', ip: 'fd00::1', port: 3868, inode: 77 },
    ]);
  });
});

it('throws at nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseTcp, parseUdp, parseSctp]) parse(`${HEAD}${text}`);
    }),
  );
});
