import { describe, expect, it } from 'vitest';
import type { LostEvent } from '../../src/events/event.ts';
import { requestsOf } from '../support/engine.ts';
import { traffic } from '../support/traffic.ts';
import type { Plan } from '../support/traffic.ts';

const PLAN: Plan = {
  network: 0,
  protocol: 'tcp',
  client: 0,
  port: 40_000,
  start: 0,
  latency: 50,
  nodes: [],
  tracks: false,
  keepsPort: false,
  sentTwice: false,
  fate: 'closed',
};

/** The states told where only what one namespace sends is traced. */
function statesFrom(end: 'client' | 'server', fate: Plan['fate']): string[] {
  const { events } = traffic([{ ...PLAN, fate }]);
  const traced = events.filter(
    (event) => event.kind !== 'packet' || (event.tuple.dport === 8080) === (end === 'client'),
  );
  return requestsOf(traced).map(({ state }) => state);
}

describe('where one end alone is traced', () => {
  it.each([
    ['client', 'closed', 'closed'],
    ['server', 'closed', 'closed'],
    ['server', 'open', 'established'],
    ['server', 'reset', 'closed'],
    ['client', 'silent', 'unanswered'],
  ] as const)('the %s of one that is %s: %s', (end, fate, state) => {
    expect(statesFrom(end, fate)).toEqual([state]);
  });
});

describe('silence', () => {
  const { events } = traffic([{ ...PLAN, fate: 'silent' }]);
  const began = events.find(({ kind }) => kind === 'packet')?.at ?? 0;
  const losing = (where: LostEvent['where']): string[] => {
    const lost: LostEvent = { kind: 'lost', at: began + 1_000_000_000, count: 1, where };
    const until = { kind: 'tick', at: began + 8_000_000_000 } as const;
    const early = events.filter(({ at }) => at <= lost.at);
    return requestsOf([...early, lost, until]).map(({ state }) => state);
  };

  it('tells nothing where the answer may be among what was lost in bulk', () => {
    expect(losing('kernel')).toEqual(['open']);
  });

  it('is believed where the kernel skipped a run here and there', () => {
    expect(losing('skipped')).toEqual(['unanswered']);
  });
});
