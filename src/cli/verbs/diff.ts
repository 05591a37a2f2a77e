import { Command } from 'commander';
import type { Context } from '../context.ts';
import { fileName } from '../file-name.ts';
import { addFilters } from '../filters.ts';
import { addExpect } from '../gate.ts';
import { addEngine } from '../tracing-options.ts';

export function diffVerb(context: Context): Command {
  const verb = new Command('diff')
    .description('what changed between two recordings: ways, verdicts, failures, rules, servers, times')
    .argument('<before>', 'what `nathop record` wrote', fileName)
    .argument('<after>', 'the same, later', fileName);
  addEngine(verb);
  addExpect(verb, 'every request of AFTER');
  addFilters(verb);
  return verb
    .addHelpText(
      'after',
      `
Both are replayed. Requests that ask for the same are compared: the same Service or address, host and path, from the
same network, pod or node. Filters apply to both. -o wide adds what is the same and what may be chance; -o json is
one object for each kind of request, as \`nathop schema diff\` describes it.

Exit status: 0 whether they differ or not; 1 failed, or --expect was not met; 2 wrong usage.

Examples:
  nathop record before.nathop --for 1m    then change the cluster, then:
  nathop record after.nathop --for 1m
  nathop diff before.nathop after.nathop
  nathop diff before.nathop after.nathop --service default/web -o wide
  nathop diff before.nathop after.nathop --expect client-ip=preserved --expect failure=none
  nathop diff before.nathop after.nathop -o json | jq 'select(.change != "same")'`,
    )
    .action(async (before: string, after: string) => {
      const { diff } = await import('../diff.ts');
      context.status = await diff(context, verb, before, after);
    });
}
