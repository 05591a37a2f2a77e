import { Command } from 'commander';
import { UsageError } from '../../events/errors.ts';
import type { Context } from '../context.ts';
import { addFilters } from '../filters.ts';
import { storyOutputOf } from '../globals.ts';
import { addLimits } from '../limits.ts';
import { addTracing } from '../tracing-options.ts';

export function explainVerb(context: Context): Command {
  const verb = new Command('explain')
    .description(
      'each request in plain words: who asked, the way, the verdict and its cause, what failed and why',
    )
    .usage('[FILE...] [options] [-- COMMAND...]')
    .argument('[file...]', 'recordings; without any, this machine is traced');
  addLimits(verb);
  addTracing(verb);
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
-o wide adds the rules as their own tool prints them; -o json the request with its story, one object a line.

Examples:
  nathop explain -c 1 -- curl http://10.100.0.2:32213/   one request of mine
  nathop explain --verdict lost,forged-or-stale -c 5     why does my pod see 172.x and not the client?
  nathop explain before.nathop --http-path '/a/*' --http-status 5xx
  nathop explain before.nathop -o wide --ip 198.51.100.7 | less`,
    )
    .action(async (paths: string[]) => {
      if (paths.length === 0) {
        const { traceHere } = await import('../trace-here.ts');
        context.status = await traceHere(context, verb, { outputOf: storyOutputOf });
        return;
      }
      if (context.command !== undefined) {
        throw new UsageError(
          'a recording runs no command',
          `leave out ${paths.join(' ')}, or the -- and what follows it`,
        );
      }
      const { replay } = await import('../replay.ts');
      context.status = await replay(context, verb, paths, storyOutputOf);
    });
}
