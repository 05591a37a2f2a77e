import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { State } from '../../src/trace/request.ts';
import { ViewModel } from '../../src/view/model.ts';
import { clusterIp, nodePortCluster } from '../fixtures/requests.ts';

const ids = (model: ViewModel): string[] => Array.from(model.values(), ({ request }) => request.id);
const open = (id: string) => ({ ...clusterIp, id });
const closed = (id: string) => ({ ...nodePortCluster, id });

describe('ViewModel', () => {
  it('replaces a request by its newer state, in its place', () => {
    const model = new ViewModel();
    model.upsert(open('a'));
    model.upsert(open('b'));
    model.upsert(closed('a'));
    expect(ids(model)).toEqual(['a', 'b']);
    expect(Array.from(model.values(), ({ request }) => request.state)).toEqual(['closed', 'established']);
    expect(model.updates).toBe(3);
  });

  it('lets go of the longest finished first, and counts it', () => {
    const model = new ViewModel(3);
    for (const request of [open('a'), open('b'), closed('c')]) model.upsert(request);
    model.upsert(closed('b'));
    model.upsert(open('d'));
    expect(ids(model)).toEqual(['a', 'b', 'd']);
    model.upsert(open('e'));
    expect(ids(model)).toEqual(['a', 'd', 'e']);
    expect(model.letGo).toBe(2);
  });

  it('lets go of the oldest where all are open', () => {
    const model = new ViewModel(2);
    for (const id of ['a', 'b', 'c']) model.upsert(open(id));
    expect(ids(model)).toEqual(['b', 'c']);
  });

  it('forgets a request that is no longer wanted', () => {
    const model = new ViewModel(2);
    for (const request of [closed('a'), open('b')]) model.upsert(request);
    model.remove('a');
    model.upsert(open('c'));
    expect(ids(model)).toEqual(['b', 'c']);
    expect(model.letGo).toBe(0);
  });

  it('takes a finished request that turns out open as open', () => {
    const model = new ViewModel(2);
    model.upsert({ ...open('a'), state: 'unanswered' });
    model.upsert(open('a'));
    model.upsert(closed('b'));
    model.upsert(open('c'));
    expect(ids(model)).toEqual(['a', 'c']);
  });

  it('never keeps more than its limit, nor lets go of an open one while a finished one is there', () => {
    const states: State[] = ['open', 'established', 'closed', 'refused'];
    const updates = fc.array(fc.record({ id: fc.nat(30), state: fc.constantFrom(...states) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(updates, fc.integer({ min: 1, max: 10 }), (stream, limit) => {
        const model = new ViewModel(limit);
        for (const { id, state } of stream) {
          const before = Array.from(model.values(), ({ request }) => request);
          model.upsert({ ...nodePortCluster, id: String(id), state });
          const after = new Set(ids(model));
          expect(after.size).toBeLessThanOrEqual(limit);
          const gone = before.filter((request) => !after.has(request.id));
          const finishedLeft = before.some(
            (request) =>
              after.has(request.id) &&
              request.id !== String(id) &&
              request.state !== 'open' &&
              request.state !== 'established',
          );
          if (finishedLeft)
            for (const request of gone) expect(['closed', 'refused']).toContain(request.state);
        }
      }),
    );
  });
});
