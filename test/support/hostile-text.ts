import fc from 'fast-check';

/** What names are made of when somebody means harm. */
const pieces = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom(
      '\x1b[2J',
      '\x1b]0;title\x07',
      '\u202e',
      '\u2066',
      '\u200d',
      '\ufe0f',
      '👩‍👩‍👧‍👦',
      '🇩🇪',
      '👍🏽',
      'é',
      'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢',
      '漢字',
      '한글',
      'שלום',
      '\u{11a84}',
      'กำ',
      '\u1100\u1161',
      '\ud83d',
      '\t',
      '\n',
      '\u2028',
      'default/web',
    ),
  ),
  { maxLength: 12 },
);

export const hostileText = pieces.map((parts) => parts.join(''));
