/** Over the kept recordings every failure is told, and told right, and nothing that went well is told as one. */
import { describe, expect, it } from 'vitest';
import { kept, scoreKept } from '../../scripts/score/kept.ts';
import { precisionOf, recallOf, score } from '../../scripts/score/score.ts';
import type { Label } from '../../scripts/lab/labels.ts';
import type { Failure } from '../../src/trace/request.ts';
import { request } from '../support/request.ts';

describe.each(kept)('the failures of the recording %s', (name) => {
  it('are told with precision and recall 1', async () => {
    const { kinds, mistakes } = await scoreKept(name);
    expect(mistakes).toEqual([]);
    for (const tally of kinds.values()) expect([precisionOf(tally), recallOf(tally)]).toEqual([1, 1]);
  });
});

describe('a score', () => {
  const client = { ip: '198.51.100.7', port: 40_000, kind: 'external' } as const;
  const dialled = { ip: '10.0.0.1', port: 80, kind: 'unknown' } as const;
  const refused: Failure = { kind: 'refused', reason: 'RST', text: '', evidence: [], next: '' };
  const label: Label = {
    scenario: 's',
    protocol: 'tcp',
    client: '198.51.100.7:40000',
    dialled: '10.0.0.1:80',
    failure: 'refused',
  };
  const tallies = (...args: Parameters<typeof score>): unknown => [...score(...args).kinds];

  it('counts what is right, wrong and missed', () => {
    const failed = request({ client, dialled, failure: refused });
    const well = request({ client, dialled });
    expect(tallies([failed], [label])).toEqual([['refused', { right: 1, wrong: 0, missed: 0 }]]);
    expect(tallies([failed], [])).toEqual([['refused', { right: 0, wrong: 1, missed: 0 }]]);
    expect(tallies([well], [label])).toEqual([['refused', { right: 0, wrong: 0, missed: 1 }]]);
    // Not told at all.
    expect(tallies([], [label])).toEqual([['refused', { right: 0, wrong: 0, missed: 1 }]]);
    expect(tallies([failed], [{ ...label, failure: 'reset' }])).toEqual([
      ['reset', { right: 0, wrong: 0, missed: 1 }],
      ['refused', { right: 0, wrong: 1, missed: 0 }],
    ]);
  });

  it('names what was wrong', () => {
    const [mistake] = score(
      [request({ client, dialled, failure: refused })],
      [{ ...label, failure: null }],
    ).mistakes;
    expect(mistake).toContain('198.51.100.7:40000 → 10.0.0.1:80 tcp of s: is well, told refused');
  });

  it('takes any kind where the truth is only that it failed', () => {
    const failed = request({ client, dialled, failure: refused });
    expect(tallies([failed], [{ ...label, failure: 'any' }])).toEqual([
      ['refused', { right: 1, wrong: 0, missed: 0 }],
    ]);
    expect(score([request({ client, dialled })], [{ ...label, failure: 'any' }]).mistakes).toHaveLength(1);
  });
});
