import { Command } from 'commander';
import type { Context } from '../context.ts';
import { addFilters } from '../filters.ts';
import { isWatched } from '../is-watched.ts';
import { addLimits } from '../limits.ts';
import { addTracing } from '../tracing-options.ts';

export function liveVerb(context: Context): Command {
  const verb = new Command('live').description(
    "full-screen view of this machine's requests; without a terminal, as trace",
  );
  addLimits(verb);
  addTracing(verb);
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
In the view: ? shows the keys, / filters, r records, q ends it.

Examples:
  nathop
  nathop --node node-a --nat masquerade
  nathop live --state '!closed'`,
    )
    .action(async () => {
      if (isWatched(context)) {
        const { watchHere } = await import('../watch-here.ts');
        context.status = await watchHere(context, verb);
      } else {
        const { traceHere } = await import('../trace-here.ts');
        context.status = await traceHere(context, verb);
      }
    });
}
