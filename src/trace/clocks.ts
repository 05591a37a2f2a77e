/** Whose clocks the times of a request are by, where several machines saw parts of it. */
import type { ClockEvent } from '../events/event.ts';
import { machineOf } from '../events/netns.ts';
import type { Connection } from './connection.ts';
import { milliseconds } from './hops.ts';
import type { Clock } from './request.ts';

export function clocksOf(
  connections: readonly Connection[],
  clocks: ReadonlyMap<number, ClockEvent>,
): Clock[] | undefined {
  if (clocks.size === 0) return undefined;
  const machines = [...new Set(connections.flatMap(machinesOf))].sort((a, b) => a - b);
  const used = machines.map((machine) => clocks.get(machine)).filter((clock) => clock !== undefined);
  return used.length < 2 ? undefined : used.map(told);
}

/** Two that nothing but wall time ties together may be apart by more than a request takes. */
export function whatClocksLeaveOpen(clocks: readonly Clock[] | undefined): string[] {
  const loose = clocks?.filter(({ by }) => by === 'wall').map(({ node }) => node) ?? [];
  return loose.length < 2
    ? []
    : [`the order of hops on ${loose.join(' and ')}, whose clocks are tied by their wall time alone`];
}

const machinesOf = ({ forward, reply, entries }: Connection): number[] =>
  [...[...forward, ...reply].map(({ devices }) => devices.netns), ...entries.map(({ netns }) => netns)].map(
    machineOf,
  );

const told = ({ node, by, uncertainty, handshakes }: ClockEvent): Clock => ({
  node,
  by,
  ...(uncertainty !== undefined && { uncertaintyMs: milliseconds(uncertainty) }),
  ...(handshakes !== undefined && { handshakes }),
});
