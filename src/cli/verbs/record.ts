import { Command } from 'commander';
import type { Context } from '../context.ts';
import { addFilters } from '../filters.ts';
import { globalsOf } from '../globals.ts';
import { addLimits } from '../limits.ts';
import { fileName } from '../file-name.ts';
import { addTracing } from '../tracing-options.ts';

export function recordVerb(context: Context): Command {
  const verb = new Command('record')
    .description('trace this machine into a recording that `nathop replay` reads')
    .usage('FILE [options] [-- COMMAND...]')
    .argument('<file>', 'made with mode 0600', fileName)
    .option('--force', 'replace FILE if it exists', false);
  addLimits(verb);
  addTracing(verb);
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
Examples:
  nathop record before.nathop                     until Ctrl-C; prints as trace does
  nathop record -q before.nathop --for 1m         nothing on the screen
  nathop record one.nathop -- curl http://10.100.0.2:32213/
  zcat before.nathop | jq .kind | sort | uniq -c  what is in it`,
    )
    .action(async (path: string, { force }: { force: boolean }) => {
      const { traceHere } = await import('../trace-here.ts');
      context.status = await traceHere(context, verb, {
        record: { path, force, silent: globalsOf(verb).quiet },
      });
    });
}
