import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/events/errors.ts';
import { filterOf, parseFilter } from '../../../src/trace/filter/filter.ts';
import type { Request } from '../../../src/trace/request.ts';
import { badGateway, byName, ingressCarried, ingressStale, noSuchName } from '../../fixtures/exchanges.ts';
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
  ['service=web', request(), true],
  ['service=web:http', request(), true],
  ['service=we', request(), false],
  ['service=default', request(), false],
  ['pod=default/web-0', request(), true],
  ['pod=default/web', request(), false],
  ['pod=web-0', request(), true],
  ['pod=web', request(), false],
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
  // Each leg has an exchange of its own, and a proxy may rewrite it.
  ['http-method=get', ingressCarried, true],
  ['http-method=POST', ingressCarried, false],
  ['http-method=GET', request(), false],
  ['http-path=/a/pings', ingressCarried, true],
  ['http-path=/ping', ingressCarried, true],
  ['http-path=/a', ingressCarried, false],
  ['http-path=/a/*', ingressCarried, true],
  ['http-path=/A/*', ingressCarried, false],
  ['http-path=*', ingressCarried, true],
  ['http-path=*', request(), false],
  ['http-host=EXAMPLE.com', ingressCarried, true],
  ['http-host=example.com:80', ingressCarried, false],
  ['http-status=200', ingressCarried, true],
  ['http-status=5xx', ingressCarried, false],
  ['http-status=5xx,404', badGateway, true],
  ['http-status=!5xx', badGateway, false],
  ['verdict=carried,forged-or-stale', ingressStale, true],
  ['verdict=forged-or-stale', ingressCarried, false],
  // What a header says of the client, and where the legs between pass.
  ['ip=172.17.0.1', ingressStale, true],
  ['from-ip=10.0.1.9', ingressCarried, true],
  ['to-ip=10.3.241.152', ingressCarried, true],
  ['service=default/a-service', ingressCarried, true],
  ['pod=ingress-nginx/controller-5d88c7d8d-k8jxz', ingressCarried, true],
  ['/a/pings', ingressCarried, true],
  ['x-forwarded-for', ingressCarried, true],
  ['a-service.default.svc', byName, true],
  ['NXDOMAIN', noSuchName, true],
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
    ['service=a/b/c', /no name/, /service=default\/web/],
    ['service=default/', /no name/, /<name> alone/],
    ['pod=/web-0', /no name/, /pod=default\/web/],
    ['state=dorpped', /no "dorpped"/, /did you mean dropped\?/],
    ['sate=open', /no filter "sate"/, /did you mean state\?/],
    ['http-method=GET/', /not a method/, /GET or POST/],
    ['http-path=a/pings', /not a path/, /\/a\/\*/],
    ['http-path=/a/*/b', /not a path/, /begin with/],
    ['http-host=http://example.com/', /not a host/, /example\.com:8080/],
    ['http-status=600', /not a status/, /5xx/],
    ['http-status=4x', /not a status/, /404/],
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
