/** Figures, a line each. */
import { cpus } from 'node:os';
import type { Cost } from './node-cost.ts';

export function printMachine(): void {
  process.stdout.write(
    `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}\n`,
  );
}

export function printCost(
  unit: string,
  { tool, perSecond, share, startSeconds, cpu, answered, told }: Cost,
): void {
  const sums =
    told === undefined
      ? ''
      : `, told ${format(told.requests)} of ${format(answered)}` +
        `, ${format(told.eventsLost)} events lost, at least ${format(told.headsMissed)} heads missed`;
  const own = `, ready in ${startSeconds.toFixed(1)} s, ${percent(cpu)} of a core`;
  print(tool, `${format(perSecond)} ${unit}/s, ${share.toFixed(2)} of the untraced rate${own}${sums}`);
}

export function print(what: string, figure: string): void {
  process.stdout.write(`${what}: ${figure}\n`);
}

export function percent(share: number): string {
  return `${String(Math.round(share * 100))} %`;
}

export function format(value: number): string {
  return value.toLocaleString('en');
}
