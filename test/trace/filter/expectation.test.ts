import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/events/errors.ts';
import { parseExpectation } from '../../../src/trace/filter/expectation.ts';
import type { Request } from '../../../src/trace/request.ts';
import { badGateway, ingressCarried, ingressStale } from '../../fixtures/exchanges.ts';
import { request } from '../../support/request.ts';

const preserved = request({
  clientIp: { verdict: 'preserved', carriers: [], text: 'kept', remedies: [] },
});
const dropped = request({
  state: 'dropped',
  failure: {
    kind: 'no-local-endpoint',
    reason: 'NETFILTER_DROP',
    text: 'dropped',
    evidence: [],
    next: 'x',
  },
});

const cases: [string[], Request, string[]][] = [
  [['client-ip=preserved'], preserved, []],
  [['client-ip=preserved'], request(), ['client-ip=preserved']],
  [['verdict=preserved,lost'], request(), []],
  [['client-ip=preserved,carried'], ingressCarried, []],
  [['client-ip=preserved,carried'], ingressStale, ['client-ip=preserved,carried']],
  [['client-ip=!lost'], request(), ['client-ip=!lost']],
  [['!client-ip=lost'], request(), ['client-ip=!lost']],
  // Several are AND, also of one field; each that is not met is named.
  [['nat=dnat', 'nat=masquerade'], request(), []],
  [['nat=dnat', 'nat=snat', 'client-ip=preserved'], request(), ['nat=snat', 'client-ip=preserved']],
  [['cause=none'], preserved, []],
  [['cause=masquerade-external-traffic-policy'], preserved, ['cause=masquerade-external-traffic-policy']],
  [['failure=none', 'state=closed'], dropped, ['failure=none', 'state=closed']],
  [['failure=no-local-endpoint'], dropped, []],
  [['http-status=!5xx'], badGateway, ['http-status=!5xx']],
  // What is not known of a request meets nothing that asks for it.
  [['http-status=2xx'], dropped, ['http-status=2xx']],
  [['server=default/web-0'], request(), []],
  [['server=10.0.2.0/24'], request(), []],
  [['server=web-1,10.0.9.9'], request(), ['server=web-1,10.0.9.9']],
];

describe('what is expected', () => {
  it.each(cases)('%j', (texts, of, unmet) => {
    expect(parseExpectation(texts).unmet(of)).toEqual(unmet);
  });

  it.each([
    ['preserved', /FIELD=VALUE/],
    ['', /FIELD=VALUE/],
    ['client-ip=', /give <word>/],
    ['client-ip=kept', /one of: preserved/],
    ['clientip=preserved', /did you mean client-ip|there are/],
  ])('%j is told to be wrong', (text, mend) => {
    try {
      parseExpectation([text]);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).mend).toMatch(mend);
      return;
    }
    throw new Error('it was taken');
  });
});
