import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EntryEvent, Event } from '../../../src/events/event.ts';
import { conntrackSource } from '../../../src/sources/conntrack/source.ts';
import { live } from '../../support/live.ts';
import { TestNetwork } from '../../support/network.ts';

live('needs root')('conntrack tables at the start', () => {
  let network: TestNetwork;
  beforeEach(() => (network = new TestNetwork()));
  afterEach(() => network.down());

  const entriesOf = (events: readonly Event[], short: string): EntryEvent[] => {
    const inum = network.inum(short);
    return events.filter((event): event is EntryEvent => event.kind === 'entry' && event.netns === inum);
  };

  const insert = (src: string, dst: string, sport: number): Promise<string> =>
    network.exec('node', 'conntrack', [
      ...['-I', '-p', 'tcp', '-s', src, '-d', dst, '--sport', String(sport), '--dport', '80'],
      ...['--state', 'ESTABLISHED', '-u', 'ASSURED', '-t', '100', '-m', '16384'],
    ]);

  it('gives the entries of both families, for their namespace alone', async () => {
    await network.add('node', 'bare');
    await insert('10.0.0.1', '10.0.0.2', 1000);
    await insert('fd00::1', 'fd00::2', 1001);
    const events: Event[] = [];
    const source = conntrackSource({ now: () => 42, limit: 1000 });
    await source.start((event) => events.push(event));
    expect(source.missing).toEqual([]);
    expect(entriesOf(events, 'bare')).toEqual([]);
    expect(entriesOf(events, 'node').map(({ original }) => original.src)).toEqual(['10.0.0.1', 'fd00::1']);
    expect(entriesOf(events, 'node')[0]).toMatchObject({
      at: 42,
      state: 'ESTABLISHED',
      assured: true,
      mark: 0x4000,
      original: { protocol: 'tcp', src: '10.0.0.1', dst: '10.0.0.2', sport: 1000, dport: 80 },
      reply: { protocol: 'tcp', src: '10.0.0.2', dst: '10.0.0.1', sport: 80, dport: 1000 },
    });
  });

  it('stops at its limit, and says so', async () => {
    await network.add('node');
    for (const port of [1, 2, 3]) await insert('10.0.0.1', '10.0.0.2', port);
    const events: Event[] = [];
    const source = conntrackSource({ now: () => 42, limit: 2 });
    await source.start((event) => events.push(event));
    expect(events).toHaveLength(2);
    expect(source.missing).toEqual([expect.stringContaining('beyond the first 2')]);
  });
});
