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
export async function doctor(context: Context, globals: GlobalOptions): Promise<number> {
  const colors = pc.createColors(hasColor(globals, context.stdout, context.env));
  const checks = await checkMachine(context.programs.captureChild);
  const width = Math.max(...checks.map((check) => shown(check.name).length));
  for (const check of checks) {
    if (globals.output === 'json') context.out.line(JSON.stringify(objectOf(check)));
    else for (const line of linesOf(colors, check, width)) context.out.line(line);
  }
  return checks.some((check) => check.ok === false) ? CANNOT_TRACE : 0;
}

const objectOf = ({ name, ok, found, mend }: Check): Check => ({
  name: shown(name),
  ok,
  found: shown(found),
  ...(mend !== undefined && { mend: shown(mend) }),
});

function* linesOf(colors: Colors, check: Check, width: number): Generator<string> {
  const { name, ok, found, mend } = objectOf(check);
  const mark =
    ok === true ? colors.green('ok  ') : ok === 'warn' ? colors.yellow('warn') : colors.red('FAIL');
  yield `${mark} ${name.padEnd(width)}  ${found}`;
  if (mend !== undefined) yield `     ${' '.repeat(width)}  ${colors.dim('→')} ${mend}`;
}
