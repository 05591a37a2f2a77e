import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { cut, pad, printable, widthOf, wrap } from '../../src/terminal/text.ts';
import { hostileText as text } from '../support/hostile-text.ts';

describe('printable text', () => {
  it('holds no character that steers a terminal or has no width', () => {
    fc.assert(
      fc.property(text, (raw) => {
        expect(printable(raw)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{M}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('is as wide as its characters are one by one', () => {
    fc.assert(
      fc.property(text, (raw) => {
        const shown = printable(raw);
        expect(widthOf(shown)).toBe(stringWidth(shown));
      }),
      { numRuns: 3_000 },
    );
  });

  it('leaves ordinary names as they are', () => {
    for (const name of ['default/web-6c9f5d7b8-x2x7q', 'nœud-à', '漢字', 'שלום'])
      expect(printable(name)).toBe(name);
  });

  it('shows that something was there', () => {
    expect(printable('a\u202eb\x1b[2Jc')).toBe('a·b·[2Jc');
  });
});

describe('cutting and filling', () => {
  it('never exceeds the width, and fills it', () => {
    fc.assert(
      fc.property(
        text,
        fc.nat(40),
        fc.constantFrom('end' as const, 'middle' as const),
        (raw, width, where) => {
          const shown = printable(raw);
          expect(widthOf(cut(shown, width, where))).toBeLessThanOrEqual(width);
          expect(widthOf(pad(cut(shown, width, where), width))).toBe(width);
        },
      ),
    );
  });

  it('keeps both ends of a name', () => {
    expect(cut('default/web-6c9f5d7b8-x2x7q', 16, 'middle')).toBe('default/…8-x2x7q');
    expect(cut('漢字漢字漢字', 7, 'middle')).toBe('漢…字');
  });

  it('leaves alone what fits', () => {
    expect(cut('abc', 3)).toBe('abc');
    expect(cut('abcd', 3)).toBe('ab…');
    expect(cut('abcd', 0)).toBe('');
  });
});

describe('wrapping', () => {
  it('loses no word, and exceeds no line', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), (raw, width) => {
        const shown = printable(raw);
        const lines = wrap(shown, width);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(shown.replaceAll(' ', ''));
      }),
    );
  });
});
