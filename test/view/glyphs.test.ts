import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, widthOf } from '../../src/terminal/text.ts';
import { toAscii } from '../../src/view/glyphs.ts';
import { hostileText } from '../support/hostile-text.ts';

describe('a terminal without UTF-8', () => {
  it('gets ASCII of the same width', () => {
    fc.assert(
      fc.property(hostileText, (raw) => {
        const shown = printable(raw);
        expect(toAscii(shown)).toMatch(/^[\x20-\x7e]*$/);
        expect(toAscii(shown).length).toBe(widthOf(shown));
      }),
    );
  });
});
