import { Argument, Command } from 'commander';
import { completionFor, SHELLS } from '../completion.ts';
import type { Shell } from '../completion.ts';
import type { Context } from '../context.ts';

export function completionVerb(context: Context): Command {
  const verb = new Command('completion')
    .description('completion of verbs, flags and values for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(nathop completion bash)
  nathop completion zsh > "\${fpath[1]}/_nathop"
  nathop completion fish | source`,
    )
    .action((shell: Shell) => {
      context.out.line(completionFor(shell, verb.parent ?? verb));
    });
  return verb;
}
