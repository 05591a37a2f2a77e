/** The command line as a whole: the verbs and what they share. */
import { Command } from 'commander';
import type { Context } from './context.ts';
import { addGlobals } from './globals.ts';
import { completionVerb } from './verbs/completion.ts';
import { diffVerb } from './verbs/diff.ts';
import { doctorVerb } from './verbs/doctor.ts';
import { explainVerb } from './verbs/explain.ts';
import { liveVerb } from './verbs/live.ts';
import { recordVerb } from './verbs/record.ts';
import { replayVerb } from './verbs/replay.ts';
import { schemaVerb } from './verbs/schema.ts';
import { traceVerb } from './verbs/trace.ts';

export function buildProgram(context: Context): Command {
  const program = new Command('nathop')
    .description("shows each request's way through this machine: every DNAT and SNAT hop, live")
    .version(context.version, '-V, --version');
  addGlobals(program);
  program.addCommand(liveVerb(context), { isDefault: true });
  for (const verb of [
    traceVerb,
    recordVerb,
    replayVerb,
    explainVerb,
    diffVerb,
    doctorVerb,
    schemaVerb,
    completionVerb,
  ]) {
    program.addCommand(verb(context));
  }
  program.addHelpText(
    'after',
    `
Examples:
  nathop                                               the live view of what happens on this machine
  nathop trace -c 1 -- curl http://10.100.0.2:32213/   the way of one request
  nathop explain -c 1 -- curl http://10.100.0.2:32213/ the same as a story, with the reasons
  nathop record before.nathop --for 1m                 to replay and to share
  nathop diff before.nathop after.nathop               what a change to the cluster changed

Exit status: 0 done, 1 failed, 2 wrong usage, 3 this machine cannot trace (nathop doctor says why).`,
  );
  return program;
}
