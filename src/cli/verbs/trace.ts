import { Command } from 'commander';
import type { Context } from '../context.ts';
import { addFilters } from '../filters.ts';
import { addExpect } from '../gate.ts';
import { addLimits } from '../limits.ts';
import { addTracing } from '../tracing-options.ts';

export function traceVerb(context: Context): Command {
  const verb = new Command('trace')
    .description('one line for each request through this machine')
    .usage('[options] [-- COMMAND...]');
  addLimits(verb);
  addTracing(verb);
  addExpect(verb);
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
Examples:
  nathop trace                                    until Ctrl-C, which also prints what is open
  nathop trace -c 1 -- curl http://10.100.0.2:32213/   the way of one request
  nathop trace --for 30s -o json --verdict lost   who loses the client's address, for a program to read
  nathop trace --service default/web --state '!closed'   what goes wrong with one Service
  nathop trace --for 1m -n shop --expect client-ip=preserved   status 1 and the requests that are not so, if any`,
    )
    .action(async () => {
      const { traceHere } = await import('../trace-here.ts');
      context.status = await traceHere(context, verb);
    });
}
