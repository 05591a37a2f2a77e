import { describe, expect, it } from 'vitest';
import { RequestList } from '../../src/view/list.ts';
import { ViewModel } from '../../src/view/model.ts';
import type { Request } from '../../src/trace/request.ts';
import { exchanges } from '../fixtures/exchanges.ts';
import { nth, scenarios } from '../fixtures/requests.ts';

/** All with a time, one after the other. */
const made = (index: number): Request => ({
  ...nth(index),
  startedAt: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, index)).toISOString(),
});

function filled(count: number): { model: ViewModel; list: RequestList } {
  const model = new ViewModel();
  for (let index = 0; index < count; index++) model.upsert(made(index));
  return { model, list: new RequestList(model) };
}

const ids = (rows: readonly Request[]): string[] => rows.map((request) => request.id);
const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => made(from + index).id);

describe('following', () => {
  it('keeps the newest in sight', () => {
    const { model, list } = filled(100);
    expect(list.snapshot(10).position).toBe(100);
    model.upsert(made(100));
    const { chosen, cursor } = list.snapshot(10);
    expect(chosen?.id).toBe(made(100).id);
    expect(cursor).toBe(9);
  });

  it('ends with the first move, and comes back at the end of the list', () => {
    const { model, list } = filled(100);
    list.snapshot(10);
    list.move(-1);
    expect(list.follow).toBe(false);
    model.upsert(made(100));
    expect(list.snapshot(10).position).toBe(99);
    list.toEnd();
    expect(list.follow).toBe(true);
  });
});

describe('the chosen request', () => {
  it('keeps its line on the screen while others come above it', () => {
    const { model, list } = filled(40);
    list.setSort('time', true);
    list.setFollow(false);
    list.snapshot(10);
    list.toStart();
    list.setFollow(false);
    list.move(5);
    const before = list.snapshot(10);
    for (let index = 40; index < 60; index++) model.upsert(made(index));
    const after = list.snapshot(10);
    expect(after.chosen?.id).toBe(before.chosen?.id);
    expect(after.cursor).toBe(before.cursor);
  });

  it('gives way to its neighbour when it is let go', () => {
    const model = new ViewModel(3);
    const list = new RequestList(model);
    const closed = (id: string) => ({ ...made(1), id });
    for (const id of ['a', 'b', 'c']) model.upsert(closed(id));
    list.snapshot(3);
    list.toStart();
    list.setFollow(false);
    model.upsert(closed('d'));
    expect(list.snapshot(3).chosen?.id).toBe('b');
  });

  it('moves by lines and pages, and stops at the ends', () => {
    const { list } = filled(100);
    list.snapshot(10);
    list.toStart();
    expect(ids(list.snapshot(10).rows)).toEqual(range(0, 10));
    list.movePages(2);
    expect(ids(list.snapshot(10).rows)).toEqual(range(20, 30));
    list.move(-500);
    expect(list.snapshot(10).position).toBe(1);
    list.movePages(500);
    expect(list.snapshot(10).position).toBe(100);
  });
});

describe('pause', () => {
  it('holds what is shown, and counts what waits', () => {
    const { model, list } = filled(20);
    list.snapshot(10);
    list.togglePause();
    model.upsert({ ...made(19), state: 'refused' });
    model.upsert(made(20));
    const held = list.snapshot(10);
    expect([held.total, held.chosen?.id, held.chosen?.state]).toEqual([20, made(19).id, made(19).state]);
    expect(list.waiting).toBe(2);
    list.togglePause();
    expect(list.snapshot(10).total).toBe(21);
    expect(list.waiting).toBe(0);
  });

  it('still filters and sorts what it holds', () => {
    const { list } = filled(scenarios.length);
    list.togglePause();
    list.toggleFailuresOnly();
    expect(list.snapshot(20).shown).toBe(5);
  });
});

describe('filter', () => {
  it('asks once for each state of a request', () => {
    const { model, list } = filled(50);
    let asked = 0;
    list.setFilter({ text: 'closed', matches: (request) => (asked++, request.state === 'closed') });
    const first = list.snapshot(10).shown;
    model.upsert({ ...made(0), state: 'closed' });
    expect(list.snapshot(10).shown).toBe(first + 1);
    expect(asked).toBe(51);
  });

  it('says how many of how many', () => {
    const { list } = filled(50);
    list.setFilter({ text: 'none', matches: () => false });
    expect(list.snapshot(10)).toMatchObject({ rows: [], cursor: -1, position: 0, shown: 0, total: 50 });
  });
});

describe('sorting', () => {
  it('brings what worries first to the top', () => {
    const { list } = filled(scenarios.length);
    list.setSort('state', false);
    expect(
      list
        .snapshot(20)
        .rows.slice(0, 5)
        .map((request) => request.state),
    ).toEqual(['unanswered', 'dropped', 'dropped', 'rejected', 'refused']);
    list.setSort('verdict', false);
    expect(list.snapshot(20).rows[0]?.clientIp.verdict).toBe('lost');
  });

  it('puts what the server complained of behind what failed on the way', () => {
    const model = new ViewModel();
    for (const request of [...exchanges, nth(5)]) model.upsert(request);
    const list = new RequestList(model);
    list.setSort('state', false);
    expect(ids(list.snapshot(20).rows).slice(0, 6)).toEqual([
      'lookup-unanswered',
      'proxy-mismatch',
      'no-such-name',
      'bad-gateway',
      'sidecar',
      'by-name',
    ]);
    list.setSort('asked', false);
    expect(ids(list.snapshot(20).rows).slice(0, 2)).toEqual(['lookup', 'no-such-name']);
  });

  it('orders by time, what is older than the trace first, and back', () => {
    const { model, list } = filled(0);
    for (let index = 0; index < scenarios.length; index++) model.upsert(nth(index));
    const forth = ids(list.snapshot(20).rows);
    expect(forth[0]).toBe('from-before-0');
    list.setSort('time', true);
    expect(ids(list.snapshot(20).rows)).toEqual([...forth].reverse());
  });
});
