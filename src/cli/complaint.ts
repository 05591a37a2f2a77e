/** Errors as the user reads them: what they can mend in two lines, a bug of ours with all we know of it. */
import { clean } from '../events/clean.ts';
import { UserError } from '../events/errors.ts';

export interface Complaint {
  readonly status: number;
  readonly text: string;
}

const LIMIT = 1_000;

export function complaintOf(error: unknown): Complaint {
  if (error instanceof UserError) {
    return { status: error.status, text: `${twoLines(error.message, error.mend)}\n` };
  }
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = said.split('\n').map((line) => `  ${clean(line, LIMIT)}`);
  return {
    status: 1,
    text:
      [
        'nathop: this is a bug in nathop, not in what you asked for:',
        ...lines,
        '  please report it with these lines, the output of `nathop doctor`, and a recording if you have one',
      ].join('\n') + '\n',
  };
}

export const twoLines = (wrong: string, mend: string): string =>
  `nathop: ${clean(wrong, LIMIT)}\n        ${clean(mend, LIMIT)}`;
