/** Figures, a line each, and tables of them. */
import { cpus } from 'node:os';
import type { Cost } from './node-cost.ts';

export function printMachine(): void {
  process.stdout.write(
    `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}\n`,
  );
}

/** As a table of Markdown. */
export function printCosts(unit: string, costs: readonly Cost[]): void {
  const rows = costs.map(({ tool, perSecond, share, startSeconds, cpu, answered, told }) => [
    tool,
    format(perSecond),
    share.toFixed(2),
    startSeconds === undefined ? '' : `${startSeconds.toFixed(1)} s`,
    percent(cpu),
    ...(told === undefined
      ? ['', '', '']
      : [
          `${format(told.requests)} of ${format(answered)}`,
          format(told.eventsLost),
          format(told.headsMissed),
        ]),
  ]);
  const lost = ['told', 'events lost', 'heads missed, at least'];
  printTable([['', `${unit}/s`, 'of the untraced', 'ready in', 'of a core', ...lost], ...rows]);
}

function printTable([head = [], ...rows]: readonly (readonly string[])[]): void {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  for (const cells of [head, rule, ...rows])
    process.stdout.write(
      `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`,
    );
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
