/** Compares what a run met with what its scenario says must be. */
import type { DialResult, RunResult } from './lab.ts';
import { expectedIn } from './scenarios/scenario.ts';
import type { Mode } from './topology.ts';

/** In words; empty where all is as it must be. */
export const mismatches = ({ dials }: RunResult, mode: Mode): string[] =>
  dials.flatMap((result) => dialMismatches(result, mode));

function dialMismatches({ dial, last }: DialResult, mode: Mode): string[] {
  const expected = expectedIn(dial, mode);
  const pairs: [what: string, want: string | undefined, got: string | undefined][] = [
    ['outcome', expected.outcome, last.outcome],
    ['server', expected.server, last.server],
    ['source seen', expected.sourceSeen, last.peer?.ip],
  ];
  return pairs
    .filter(([, want, got]) => want !== got)
    .map(([what, want, got]) => `${dial.from}: ${what} should be ${want ?? 'none'}, is ${got ?? 'none'}`);
}
