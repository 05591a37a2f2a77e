/** Connections that are older than the trace: known from conntrack's tables, and no more told than is known. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { Nathop, type Ended } from '../support/nathop.ts';
import { TestNetwork, until } from '../support/network.ts';

const tracing = await traced();

tracing('a connection from before', () => {
  const network = new TestNetwork();
  const folder = mkdtempSync(join(tmpdir(), 'nathop-before-'));
  /** Made once the trace has begun. */
  const go = join(folder, 'go');
  let nathop: Nathop | undefined;
  let ended: Ended;

  beforeAll(async () => {
    await network.add('client', 'router', 'server');
    await network.join(['client', 'eth0', '10.9.0.2/24'], ['router', 'eth0', '10.9.0.1/24']);
    await network.join(['server', 'eth0', '10.9.1.2/24'], ['router', 'eth1', '10.9.1.1/24']);
    await network.ip('client', 'route add default via 10.9.0.1');
    await network.exec('router', 'sysctl', ['-q', 'net.ipv4.ip_forward=1']);
    await network.exec('router', 'iptables-restore', [], RULES);
    await network.listen('server', 'tcp', 8080);
    const wait = `until [ -e ${go} ]; do sleep 0.05; done`;
    for (const then of [wait, `${wait}; echo b >&3; cat <&3`, 'sleep 60']) {
      network.spawn('client', 'bash', ['-c', `exec 3<>/dev/tcp/10.9.7.7/80; echo a >&3; ${then}`]);
    }
    await until(async () => ((await entries()) === 3 ? true : undefined));
    const places = ['client', 'router', 'server'].map((short) => network.name(short));
    nathop = new Nathop(() => ['trace', '-o', 'json', '--netns', places.join(',')]);
    await nathop.ready();
    writeFileSync(go, '');
    await sleep(1_500);
    ended = await nathop.end();
  });
  afterAll(async () => {
    await nathop?.remove();
    await network.down();
    rmSync(folder, { recursive: true });
  });

  const entries = async (): Promise<number> =>
    (await network.exec('router', 'conntrack', ['-L'])).split('[ASSURED]').length - 1;
  const requests = (): Request[] =>
    ended.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Request);
  const inState = (state: string): Request | undefined => requests().find((one) => one.state === state);

  it('is told when something of it is seen, and only then', () => {
    // One ends, one goes on talking, one is silent.
    expect(
      requests()
        .map(({ state }) => state)
        .sort(),
    ).toEqual(['closed', 'established']);
    expect(ended).toMatchObject({ status: 0 });
    expect(ended.stderr).toMatch(/ 0 events lost$/m);
  });

  it.each(['closed', 'established'])('%s, has what the table tells of it, and rules by name', (state) => {
    const request = inState(state);
    expect(request).toMatchObject({
      client: { ip: '10.9.0.2', name: network.name('client') },
      dialled: { ip: '10.9.7.7', port: 80 },
      server: { ip: '10.9.1.2', port: 8080, name: network.name('server') },
      clientIp: { verdict: 'lost', cause: 'snat-rule' },
      lostEvents: 0,
    });
    const rewrites = request?.hops.filter(({ kind }) => kind === 'dnat' || kind === 'masquerade');
    expect(rewrites).toMatchObject([
      { kind: 'dnat', hook: 'PREROUTING', after: { dst: '10.9.1.2:8080' }, rule: { chain: 'PREROUTING' } },
      { kind: 'masquerade', hook: 'POSTROUTING', rule: { chain: 'POSTROUTING' } },
    ]);
    expect(request?.hops[request.clientIp.lostAtHop ?? -1]?.kind).toBe('masquerade');
  });

  it('was delivered where packets of it were seen to go, and nowhere else', () => {
    const [first, last] = [inState('closed'), inState('established')];
    // Its client's reset was all that was seen.
    expect(first).not.toHaveProperty('sourceSeenByServer');
    expect(first?.hops.map(({ kind }) => kind)).not.toContain('deliver');
    expect(last?.sourceSeenByServer).toMatchObject({ ip: '10.9.1.1', name: network.name('router') });
    expect(last?.hops.at(-1)).toMatchObject({ kind: 'deliver', netns: { name: network.name('server') } });
  });

  it.each(['closed', 'established'])('%s, has no beginning, and no times that would need one', (state) => {
    const request = inState(state);
    expect(request).not.toHaveProperty('startedAt');
    expect(request).not.toHaveProperty('durationMs');
    for (const hop of [...(request?.hops ?? []), ...(request?.replyHops ?? [])]) {
      expect(hop).not.toHaveProperty('atMs');
    }
    expect(request?.inferred).toContain(
      'older than the trace, or its first packet was missed: start and first hops are not known',
    );
    // What was not seen is marked, and said.
    const unseen = request?.hops.flatMap(({ observed }, index) => (observed ? [] : [index])) ?? [];
    expect(unseen.length > 0).toBe(request?.inferred.some((text) => text.startsWith('not seen: hop')));
  });
});

const RULES = `*nat
-A PREROUTING -d 10.9.7.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.1.2:8080
-A POSTROUTING -o eth1 -j MASQUERADE
COMMIT
`;
