import { beforeEach, expect, it } from 'vitest';
import { TracerNotes } from '../../src/cli/tracer-notes.ts';
import type { LostEvent, ProbesEvent } from '../../src/events/event.ts';
import type { CaptureEvent } from '../../src/events/head.ts';
import type { KubeStateEvent } from '../../src/events/kube.ts';

const SECOND = 1_000_000_000;
let said: string[];
let notes: TracerNotes;
beforeEach(() => {
  said = [];
  notes = new TracerNotes({
    progress: () => undefined,
    detail: () => undefined,
    say: (text) => said.push(text),
  });
});

const lost = (at: number, count: number, where: LostEvent['where'] = 'kernel'): LostEvent => ({
  kind: 'lost',
  at,
  count,
  where,
});
const probes = (at: number, missing: string[], running = true): ProbesEvent => ({
  kind: 'probes',
  at,
  set: 'tracepoint',
  level: 'path',
  running,
  missing,
});

it('says loss at once, then at most once a second, and nothing twice', () => {
  notes.take(lost(5 * SECOND, 1));
  notes.take(lost(5.1 * SECOND, 10));
  notes.take(lost(5.2 * SECOND, 5));
  notes.take({ kind: 'tick', at: 5.9 * SECOND });
  expect(said).toEqual(['1 event lost in the kernel: more happened than the buffer holds']);
  notes.take({ kind: 'tick', at: 6 * SECOND });
  expect(said.at(-1)).toBe('15 events lost in the kernel: more happened than the buffer holds');
  notes.take(lost(6.1 * SECOND, 2, 'order'));
  notes.sayLoss();
  notes.sayLoss();
  expect(said).toHaveLength(3);
  expect(notes.lost).toBe(18);
});

it('says what is missing once, and when the probes end', () => {
  notes.take(probes(1, ['no drops are seen']));
  notes.take(probes(2, ['no drops are seen', 'older connections are not known']));
  notes.take(probes(3, ['no drops are seen', 'older connections are not known'], false));
  expect(said).toEqual([
    'no drops are seen',
    'older connections are not known',
    'the probes have ended: nothing is seen from here on',
  ]);
});

it('says when the level of detail changes', () => {
  notes.take({ kind: 'detail', at: 1, level: 'nat', linesPerSecond: 20_100 });
  notes.take({ kind: 'detail', at: 2, level: 'path', linesPerSecond: 100 });
  expect(said[0]).toContain('busy (20100 lines/s): one event a connection and node');
  expect(said[1]).toContain('every device is shown');
});

it('says what the capture of heads lacks when it is news, and sums up what it missed', () => {
  expect(notes.headsMissedText).toBe('');
  const capture = (missing: string[]): CaptureEvent => ({ kind: 'capture', at: 1, running: true, missing });
  notes.take(capture(['a']));
  notes.take(capture(['a', 'b']));
  notes.take(probes(2, []));
  notes.take(capture(['a']));
  expect(said).toEqual(['a', 'b']);
  for (const count of [1, 2]) notes.take({ kind: 'heads-missed', at: 3, count, where: 'cut' });
  notes.take({ kind: 'heads-missed', at: 4, count: 1, where: 'kernel' });
  expect(notes.headsMissedText).toBe(
    'at least 4 message heads missed (3 their ends were not captured, 1 more came than the buffers hold)',
  );
});

it('says when the API goes away, and when it tells all again', () => {
  const api = (state: KubeStateEvent['state'], text: string): KubeStateEvent => ({
    kind: 'kube-state',
    at: SECOND,
    cluster: 'one',
    state,
    unread: [],
    text,
  });
  notes.take(api('in-step', ''));
  expect(said).toEqual([]);
  notes.take(api('away', 'it is away'));
  notes.take(api('in-step', ''));
  expect(said).toEqual(['it is away', 'the Kubernetes API tells all names now']);
});
