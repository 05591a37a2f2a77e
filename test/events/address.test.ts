import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress } from '../../src/events/address.ts';

describe('canonicalAddress', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['0:0:0:0:0:ffff:0a00:0001', '10.0.0.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each([
    '',
    'localhost',
    '10.1',
    '0x7f.1',
    '010.0.0.1',
    '10.0.0.256',
    '1:2:3',
    '10.0.0.1/24',
    ' 10.0.0.1',
  ])('%j is none', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  it('gives the same text for the same address, however it is spelt', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const short = groups.map((group) => group.toString(16)).join(':');
        const long = groups.map((group) => group.toString(16).padStart(4, '0').toUpperCase()).join(':');
        expect(canonicalAddress(long)).toBe(canonicalAddress(short));
        expect(canonicalAddress(canonicalAddress(long) ?? '')).toBe(canonicalAddress(short));
      }),
    );
  });

  it('throws at nothing', () => {
    fc.assert(fc.property(fc.string(), (text) => void canonicalAddress(text)));
  });
});
