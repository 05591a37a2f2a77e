import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/events/errors.ts';
import { filterOf, parseFilter } from '../../../src/trace/filter/filter.ts';
import type { Request } from '../../../src/trace/request.ts';
import { request } from '../../support/request.ts';

const refused = request({ state: 'refused', hops: [], server: { ip: '::1', port: 80, kind: 'host' } });

const cases: [string, Request, boolean][] = [
  // An address that is gone after the rewrite still finds the request, and one that only came by it too.
  ['--ip 198.51.100.7', request(), true],
  ['ip=10.100.0.2', request(), true],
  ['ip=10.0.2.0/24', request(), true],
  ['ip=10.0.3.0/24', request(), false],
  ['ip=::ffff:198.51.100.7', request(), true],
  ['ip=::/0', request(), false],
  ['ip=0::1', refused, true],
  ['from-ip=10.100.0.2', request(), true],
  ['from-ip=10.0.2.2', request(), false],
  ['to-ip=10.0.2.2', request(), true],
  ['to-ip=198.51.100.0/24', request(), false],
  ['port=32213', request(), true],
  ['port=40000', request(), true],
  ['port=81', request(), false],
  ['protocol=tcp', request(), true],
  ['protocol=UDP', request(), false],
  ['service=default/web', request(), true],
  ['service=default/web:http', request(), true],
  ['service=default/we', request(), false],
  ['pod=default/web-0', request(), true],
  ['pod=default/web', request(), false],
  ['pod=node-a', request(), false],
  ['-n default', request(), true],
  ['namespace=kube-system', request(), false],
  ['node=node-b', request(), true],
  ['nat=masquerade', request(), true],
  ['nat=snat', request(), false],
  ['nat=none', request(), false],
  ['nat=none', refused, true],
  ['verdict=lost', request(), true],
  ['state=refused,dropped', refused, true],
  ['state=refused,dropped', request(), false],
  // Clauses are AND, values OR, ! excludes.
  ['state=closed verdict=lost', request(), true],
  ['state=closed verdict=preserved', request(), false],
  ['port=1 port=80 port=32213', request(), true],
  ['!state=closed', request(), false],
  ['state=!closed', request(), false],
  ['state=!closed,!refused', request({ state: 'open' }), true],
  ['ip=10.0.0.0/8,!10.0.2.2', request(), false],
  ['!pod=default/other', request(), true],
  // Bare words.
  ['', request(), true],
  ['10.0.2.2', request(), true],
  ['!10.0.0.0/8', request(), false],
  ['KUBE-SVC', request(), true],
  ['web-0 closed', request(), true],
  ['web-0 nonsense', request(), false],
  ['!python3', request(), false],
];

describe('filter text', () => {
  it.each(cases)('%j', (text, subject, expected) => {
    expect(parseFilter(text).matches(subject)).toBe(expected);
  });

  it('can be typed again as it prints itself', () => {
    const text = 'ip=10.0.0.0/8,!10.0.2.2 state=!closed web';
    expect(parseFilter(text).text).toBe(text);
  });
});

it('flags and text are one filter', () => {
  const byFlags = filterOf({ ip: ['10.0.0.0/8,!10.0.2.2'], state: ['!closed', '!open'] });
  expect(byFlags.text).toBe(parseFilter('ip=10.0.0.0/8,!10.0.2.2 state=!closed,!open').text);
});

describe('mistakes', () => {
  it.each([
    ['ip=10.0.0', /neither an address nor a CIDR/, /10\.0\.0\.0\/8/],
    ['ip=10.0.0.0/33', /neither an address/, /fd00::1/],
    ['ip=80', /neither an address/, /10\.0\.0\.1/],
    ['port=0', /not a port/, /1 to 65535/],
    ['port=70000', /not a port/, /1 to 65535/],
    ['state=dorpped', /no "dorpped"/, /did you mean dropped\?/],
    ['sate=open', /no filter "sate"/, /did you mean state\?/],
    ['state=', /value is missing/, /give <word>/],
    ['--state', /value is missing/, /state=<word>/],
  ])('%s', (text, wrong, mend) => {
    let caught: unknown;
    try {
      parseFilter(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UsageError);
    expect((caught as UsageError).message).toMatch(wrong);
    expect((caught as UsageError).mend).toMatch(mend);
    expect((caught as UsageError).message).not.toContain('\n');
  });
});
