import { describe, expect, it } from 'vitest';
import { lineWidth, textOf } from '../../src/view/paint.ts';
import { edit, promptLine, promptWith, type Prompt } from '../../src/view/prompt.ts';

const after = (prompt: Prompt, ...keys: string[]): string => {
  const { text, at } = keys.reduce(edit, prompt);
  return `${text.slice(0, at)}|${text.slice(at)}`;
};

describe('editing a line', () => {
  it.each([
    [['x'], 'port=80x|'],
    [['left', 'left', 'x'], 'port=x|80'],
    [['backspace'], 'port=8|'],
    [['home', 'backspace', 'x'], 'x|port=80'],
    [['ctrl-u'], '|'],
    [['left', 'ctrl-u'], '|0'],
    [['home', 'end'], 'port=80|'],
    [[' ', 'a', 'b', 'ctrl-w'], 'port=80 |'],
    [['pagedown', 'enter', 'ctrl-x'], 'port=80|'],
    [['漢', '👍', 'left', 'backspace'], 'port=80|👍'],
  ])('%j gives %s', (keys, expected) => {
    expect(after(promptWith('port=80'), ...keys)).toBe(expected);
  });
});

describe('showing a line', () => {
  it('keeps the cursor in sight and the width', () => {
    const long = promptWith('service=default/web client=198.51.100.7 state=!closed verdict=lost');
    expect(textOf(promptLine(' / ', long, 30))).toBe(' / …ate=!closed verdict=lost ');
    for (const at of [0, 10, 40, long.text.length]) {
      expect(lineWidth(promptLine(' / ', { ...long, at }, 30))).toBeLessThanOrEqual(30);
    }
  });
});
