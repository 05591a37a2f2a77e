import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Survey } from '../../../src/cluster/netns/survey.ts';
import { ConntrackCounters, parseConntrackStat } from '../../../src/sources/conntrack/counters.ts';
import { live } from '../../support/live.ts';
import { TestNetwork, until } from '../../support/network.ts';

describe('the counts of a namespace', () => {
  const STAT =
    'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n' +
    '0000001a  00000004 00000000 00000000 00000010 00000000 00000000 00000000 00000000 00000002 00000001 00000000 00000000  00000000 00000000 00000000 00000007\n' +
    '0000001a  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000001 00000000 00000003 00000000  00000000 00000000 00000000 00000000\n';

  it('are added up over processors, but not its entries', () => {
    expect(parseConntrackStat(STAT)).toEqual({
      entries: 26,
      insertFailed: 3,
      drop: 1,
      earlyDrop: 3,
      clashResolved: 4,
      searchRestart: 7,
      invalid: 17,
    });
  });

  it('are zero where a kernel has no such count, and none where it says nothing', () => {
    expect(parseConntrackStat('entries insert_failed\n1 2\n')).toMatchObject({ insertFailed: 2, drop: 0 });
    expect(parseConntrackStat('')).toBeUndefined();
  });
});

live('needs root for network namespaces')('conntrack of this machine', () => {
  let network: TestNetwork;
  beforeEach(() => (network = new TestNetwork()));
  afterEach(() => network.down());

  it('is told of when it is in use, and when an insert has failed', async () => {
    await network.add('node', 'server');
    await network.join(['node', 'eth0', '10.9.0.1/24'], ['server', 'eth0', '10.9.0.2/24']);
    await network.listen('server', 'tcp', 80);
    const pid = network.spawn('node', 'sleep', ['60']);
    // Every connection is given one and the same source port, so that the second has no tuple of its own.
    const rules =
      'table ip t { chain c { type nat hook postrouting priority srcnat; ip protocol tcp snat to 10.9.0.1:5000; }; }';
    await network.exec('node', 'nft', ['-f', '-'], rules);
    const survey = new Survey();
    const counters = new ConntrackCounters();
    const look = async (): Promise<unknown[]> => {
      const { present } = await survey.look();
      return [...counters.look(present, () => undefined)].filter(
        ({ netns }) => netns === network.inum('node'),
      );
    };
    const dial =
      'import socket, sys, time; s = socket.socket(); s.settimeout(0.3); s.connect_ex(("10.9.0.2", 80)); time.sleep(float(sys.argv[1]))';
    expect(pid).toBeDefined();
    expect(await look()).toEqual([]);
    // One that is over would give its tuple away.
    network.spawn('node', 'python3', ['-c', dial, '60']);
    expect(await until(async () => (await look())[0])).toMatchObject({
      kind: 'conntrack-stats',
      entries: 1,
      insertFailed: 0,
      drop: 0,
    });
    expect(await look()).toEqual([]);
    await network.exec('node', 'python3', ['-c', dial, '0']);
    expect(await look()).toEqual([expect.objectContaining({ insertFailed: 1 })]);
  });
});
