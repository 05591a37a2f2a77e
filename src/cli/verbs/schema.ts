import { Command } from 'commander';
import type { Context } from '../context.ts';

export function schemaVerb(context: Context): Command {
  return new Command('schema')
    .description('the JSON schema of what `-o json` prints')
    .addHelpText(
      'after',
      `
Examples:
  nathop schema > nathop.schema.json
  nathop schema | jq '.properties.state.enum'`,
    )
    .action(async () => {
      const { jsonSchema } = await import('../../outputs/schema.ts');
      context.out.line(JSON.stringify(jsonSchema(), undefined, 2));
    });
}
