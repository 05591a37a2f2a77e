import { describe, expect, it } from 'vitest';
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
