import { Argument, Command } from 'commander';
import type { Context } from '../context.ts';

const WHAT = ['request', 'diff'] as const;

export function schemaVerb(context: Context): Command {
  return new Command('schema')
    .description('the JSON schema of what `-o json` prints')
    .addArgument(new Argument('[what]', 'of which lines').choices(WHAT).default('request'))
    .addHelpText(
      'after',
      `
Examples:
  nathop schema > nathop.schema.json
  nathop schema | jq '.properties.state.enum'
  nathop schema diff                              of what \`nathop diff -o json\` prints`,
    )
    .action(async (what: (typeof WHAT)[number]) => {
      context.out.line(JSON.stringify(await schemaOf(what), undefined, 2));
    });
}

async function schemaOf(what: (typeof WHAT)[number]): Promise<unknown> {
  if (what === 'request') return (await import('../../outputs/schema.ts')).jsonSchema();
  return (await import('../../outputs/comparison/schema.ts')).comparisonJsonSchema();
}
