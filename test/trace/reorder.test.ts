import { expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { REORDER_WINDOW_NS, ReorderWindow } from '../../src/trace/reorder.ts';

const MS = 1_000_000;
const tick = (at: number): Event => ({ kind: 'tick', at });
const retransmit = (at: number): Event => ({
  kind: 'retransmit',
  at,
  netns: 1,
  tuple: { protocol: 'tcp', src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 2 },
});

function windowed(): { window: ReorderWindow; out: Event[] } {
  const out: Event[] = [];
  return { window: new ReorderWindow((event) => out.push(event)), out };
}

it('holds an event until newer ones are the window ahead', () => {
  const { window, out } = windowed();
  window.push(retransmit(100 * MS));
  window.push(tick(100 * MS + REORDER_WINDOW_NS - 1));
  expect(out).toEqual([]);
  window.push(tick(100 * MS + REORDER_WINDOW_NS));
  expect(out).toEqual([retransmit(100 * MS)]);
});

it('counts what comes too late as lost, but for a tick, and opens wider', () => {
  const { window, out } = windowed();
  window.push(tick(500 * MS));
  window.push(tick(1_000 * MS));
  window.push(tick(400 * MS));
  window.push(retransmit(400 * MS));
  expect(out.at(-1)).toEqual({ kind: 'lost', at: 500 * MS, count: 1, where: 'order' });
  expect(out.filter(({ kind }) => kind === 'lost')).toHaveLength(1);
  const before = out.length;
  window.push(retransmit(1_100 * MS));
  window.push(tick(1_300 * MS));
  expect(out).toHaveLength(before);
});

it('is not moved on by the clock of who reads names', () => {
  const { window, out } = windowed();
  window.push(retransmit(100 * MS));
  window.push({ kind: 'netns-gone', at: 10_000 * MS, netns: 1 });
  expect(out).toEqual([]);
  window.flush();
  expect(out.map(({ at }) => at)).toEqual([100 * MS, 10_000 * MS]);
});

it('puts a head in order that comes in time, and lets a late one go on with its own time', () => {
  const { window, out } = windowed();
  const head = (at: number): Event => ({
    kind: 'head',
    at,
    netns: 1,
    tuple: { protocol: 'tcp', src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 80 },
    seq: 1,
    ack: 1,
    message: { what: 'http2-preface' },
  });
  window.push(tick(1_000 * MS));
  window.push(head(999 * MS));
  window.push(tick(1_000 * MS + REORDER_WINDOW_NS));
  expect(out).toEqual([head(999 * MS), tick(1_000 * MS)]);
  window.push(head(998 * MS));
  expect(out.at(-1)).toEqual(head(998 * MS));
});

it('gives out no heads at the end from a time that the probes did not come to', () => {
  const { window, out } = windowed();
  const head = (at: number): Event => ({
    kind: 'head',
    at,
    netns: 1,
    tuple: { protocol: 'tcp', src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 80 },
    seq: 1,
    ack: 1,
    message: { what: 'http2-preface' },
  });
  window.push(tick(1_000 * MS));
  for (const at of [1_400, 1_600, 1_700]) window.push(head(at * MS));
  window.push({ kind: 'netns-gone', at: 1_650 * MS, netns: 1 });
  window.flush();
  expect(out).toEqual([
    tick(1_000 * MS),
    head(1_400 * MS),
    { kind: 'netns-gone', at: 1_650 * MS, netns: 1 },
    { kind: 'heads-missed', at: 1_700 * MS, count: 2, where: 'ahead' },
  ]);
});
