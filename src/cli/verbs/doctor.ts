import { Command } from 'commander';
import type { Context } from '../context.ts';
import { globalsOf } from '../globals.ts';

export function doctorVerb(context: Context): Command {
  const verb = new Command('doctor')
    .description('what this machine offers to a trace, what it lacks, and how to mend it; changes nothing')
    .option('--kubeconfig <file>', 'how to reach the Kubernetes API; else as for tracing')
    .addHelpText(
      'after',
      `
Exit status: 0 if this machine can trace, 3 if not.

Examples:
  nathop doctor
  nathop doctor -o json | jq 'select(.ok != true)'   what is lacking, one object a line`,
    )
    .action(async () => {
      const { doctor } = await import('../doctor.ts');
      context.status = await doctor(context, globalsOf(verb), verb.opts());
    });
  return verb;
}
