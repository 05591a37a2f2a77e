/** Flags that every verb takes. */
import { Option } from 'commander';
import type { Command } from 'commander';
import pc from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { explainJsonOutput, explainOutput } from '../outputs/explain.ts';
import { jsonOutput } from '../outputs/json.ts';
import type { Output } from '../outputs/output.ts';
import { textOutput } from '../outputs/text.ts';
import { wideOutput } from '../outputs/wide.ts';

export interface GlobalOptions {
  readonly output: 'text' | 'wide' | 'json';
  readonly color: 'auto' | 'always' | 'never';
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export function addGlobals(program: Command): void {
  program
    .addOption(
      new Option('-o, --output <how>', 'how requests are printed')
        .choices(['text', 'wide', 'json'])
        .default('text'),
    )
    .addOption(
      new Option('--color <when>', 'colours; NO_COLOR in the environment means never')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('-q, --quiet', 'say nothing on stderr but errors', false)
    .option('--verbose', 'say more on stderr', false);
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>();

/** Flags over environment over terminal. https://no-color.org */
export function hasColor(
  { color }: GlobalOptions,
  // Node leaves it out where it is no terminal, whatever its types say.
  stdout: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv,
): boolean {
  if (color !== 'auto') return color === 'always';
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
  return stdout.isTTY ?? false;
}

/** What a verb prints requests by. */
export type OutputOf = (globals: GlobalOptions, stdout: NodeJS.WriteStream, env: NodeJS.ProcessEnv) => Output;

export const outputOf: OutputOf = (globals, stdout, env) => {
  const colors: Colors = pc.createColors(hasColor(globals, stdout, env));
  switch (globals.output) {
    case 'json':
      return jsonOutput();
    case 'wide':
      return wideOutput(colors);
    case 'text':
      return textOutput(colors);
  }
};

/** Where no terminal says how wide it is. */
const USUAL_WIDTH = 80;

/** Each request told in words; `wide` with the rules as their own tool prints them. */
export const storyOutputOf: OutputOf = (globals, stdout, env) => {
  if (globals.output === 'json') return explainJsonOutput();
  return explainOutput({
    colors: pc.createColors(hasColor(globals, stdout, env)),
    width: () => widthOf(stdout),
    rules: globals.output === 'wide',
  });
};

/** Node leaves it out where stdout is no terminal, whatever its types say; a terminal may say 0. */
export function widthOf({ columns = 0 }: { readonly columns?: number }): number {
  return columns === 0 ? USUAL_WIDTH : columns;
}
