/** The lab over two machines: which of its namespaces stand on which, and the cable between them. */
import type { Blueprint, End, Wire } from './network.ts';
import { NODE_B, PODS } from './topology.ts';

export const PARTS = ['a', 'b'] as const;
/** `b`: node-b and its pods; `a`: all else. */
export type Part = (typeof PARTS)[number];

/** What of the lab stands on one machine. `device`: its own end of the cable to the other. */
export function partOf(plan: Blueprint, part: Part, device: string): Blueprint {
  const isHere = (namespace: string): boolean => (part === 'b') === onNodeB.has(namespace);
  const ends = ([one, other]: Wire): End[] => [one, other].filter(({ namespace }) => isHere(namespace));
  return {
    ...plan,
    namespaces: plan.namespaces.filter(({ name }) => isHere(name)),
    wires: plan.wires.filter((wire) => ends(wire).length === 2),
    cables: plan.wires
      .map(ends)
      .flatMap(([end, another]) => (end && !another ? [{ ...end, is: device }] : [])),
    rules: plan.rules.filter(({ namespace }) => isHere(namespace)),
  };
}

const onNodeB: ReadonlySet<string> = new Set([
  NODE_B.name,
  ...PODS.filter(({ node }) => node === NODE_B).map(({ name }) => name),
]);
