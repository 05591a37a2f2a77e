import { describe, expect, it } from 'vitest';
import type { NetnsEvent } from '../../src/events/event.ts';
import { chooseNetns, namesNeeded } from '../../src/sources/netns-choice.ts';

const netns = (inum: number, name: string, pod?: string): NetnsEvent => ({
  kind: 'netns',
  at: 1,
  netns: inum,
  name,
  role: 'other',
  links: [],
  listeners: [],
  ...(pod !== undefined && { pod }),
});
const KNOWN = [
  netns(4026531840, 'node-a'),
  netns(4026532001, 'web', 'default/web-0'),
  netns(4026532002, 'twin'),
  netns(4026532003, 'twin'),
];

describe('which namespaces', () => {
  it.each([
    [['auto'], []],
    [['all'], []],
    [['4026532001'], [4026532001]],
    [['web'], [4026532001]],
    [['default/web-0'], [4026532001]],
    [
      ['node-a,web', 'web', '4026532002'],
      [4026531840, 4026532001, 4026532002],
    ],
  ])('%j', async (wanted, inums) => {
    expect(await chooseNetns(wanted, KNOWN)).toEqual(inums);
  });

  it.each([
    [['twin'], /names several namespaces/, /4026532002, 4026532003/],
    [['webb'], /there is no namespace webb/, /did you mean web\?/],
    [['4026532999'], /there is no namespace 4026532999/, /there are node-a \(4026531840\), web/],
    [['../etc/passwd'], /there is no namespace/, /lsns/],
    [['all', 'web'], /contradict/, /alone/],
  ])('%j is refused', async (wanted, wrong, mend) => {
    await expect(chooseNetns(wanted, KNOWN)).rejects.toMatchObject({
      status: 2,
      message: expect.stringMatching(wrong) as string,
      mend: expect.stringMatching(mend) as string,
    });
  });

  it('needs to know what is there only where one is chosen', () => {
    expect(namesNeeded(['auto'])).toBe(false);
    expect(namesNeeded(['all'])).toBe(false);
    expect(namesNeeded(['4026532001,4026532002'])).toBe(true);
    expect(namesNeeded(['4026532001', 'web'])).toBe(true);
  });
});
