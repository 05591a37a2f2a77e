import { Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { addFilters } from '../filters.ts';
import { addExpect } from '../gate.ts';
import { fileName } from '../file-name.ts';
import { addLimits } from '../limits.ts';
import { addEngine } from '../tracing-options.ts';

export function replayVerb(context: Context): Command {
  const verb = new Command('replay')
    .description('recordings through the same engine; those of several nodes are merged')
    .argument('<file...>', 'what `nathop record` wrote', (text, before: string[] | undefined) => [
      ...(before ?? []),
      fileName(text),
    ])
    .option('--live', 'in the full-screen view', false)
    .option(
      '--speed <x>',
      '1: as it happened, 10: ten times as fast, 0: at once (default: 1 with --live, else 0)',
      speed,
    );
  addLimits(verb);
  addEngine(verb);
  addExpect(verb);
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
Examples:
  nathop replay before.nathop
  nathop replay node-a.nathop node-b.nathop -o wide --service default/web
  nathop replay before.nathop --live --speed 0
  nathop replay after.nathop --expect client-ip=preserved --expect 'http-status=!5xx'`,
    )
    .action(async (paths: string[]) => {
      const { replay } = await import('../replay.ts');
      context.status = await replay(context, verb, paths);
    });
}

function speed(text: string): number {
  const x = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || x > 1e6) throw new InvalidArgumentError('It must be a number from 0.');
  return x;
}
