/** What `doctor` prints of the checks of this machine. */
import pc from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { shown } from '../outputs/words.ts';
import { checkMachine } from '../sources/machine.ts';
import type { Check } from '../sources/machine.ts';
import type { Context } from './context.ts';
import { hasColor } from './globals.ts';
import type { GlobalOptions } from './globals.ts';

const CANNOT_TRACE = 3;

/** @returns the exit status */
export async function doctor(
  context: Context,
  globals: GlobalOptions,
  { kubeconfig }: { readonly kubeconfig?: string },
): Promise<number> {
  const colors = pc.createColors(hasColor(globals, context.stdout, context.env));
  const checks = await checkMachine(context.programs, { named: kubeconfig, env: context.env });
  const width = Math.max(...checks.map((check) => shown(check.name).length));
  for (const check of checks) {
    if (globals.output === 'json') context.out.line(JSON.stringify(objectOf(check)));
    else for (const line of linesOf(colors, check, width, globals.verbose)) context.out.line(line);
  }
  return checks.some((check) => check.ok === false) ? CANNOT_TRACE : 0;
}

const objectOf = ({ name, ok, found, means, mend, values }: Check): Check => ({
  name: shown(name),
  ok,
  found: shown(found, TEXT_LIMIT),
  ...(means !== undefined && { means: shown(means, TEXT_LIMIT) }),
  ...(mend !== undefined && { mend: shown(mend, TEXT_LIMIT) }),
  ...(values && { values }),
});

/** Sentences, with the names of devices in them. */
const TEXT_LIMIT = 1_000;

/** What it means is said of what is not well, and with --verbose of all. */
function* linesOf(colors: Colors, check: Check, width: number, verbose: boolean): Generator<string> {
  const { name, ok, found, means, mend } = objectOf(check);
  const mark =
    ok === true ? colors.green('ok  ') : ok === 'warn' ? colors.yellow('warn') : colors.red('FAIL');
  const indent = `     ${' '.repeat(width)}  `;
  yield `${mark} ${name.padEnd(width)}  ${found}`;
  if (means !== undefined && (verbose || ok !== true)) yield `${indent}${colors.dim(means)}`;
  if (mend !== undefined) yield `${indent}${colors.dim('→')} ${mend}`;
}
