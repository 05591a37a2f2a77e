/** One thing a machine has or lacks, as `nathop doctor` prints it. */
export interface Check {
  readonly name: string;
  /** `false`: nathop cannot trace; `warn`: something is not seen, or not known. */
  readonly ok: true | false | 'warn';
  /** What is there, in words. */
  readonly found: string;
  /** What to do about it; absent where nothing needs doing. */
  readonly mend?: string;
}

export const fine = (name: string, found: string): Check => ({ name, ok: true, found });
export const lacking = (name: string, found: string, mend: string): Check => ({
  name,
  ok: false,
  found,
  mend,
});
export const doubtful = (name: string, found: string, mend: string): Check => ({
  name,
  ok: 'warn',
  found,
  mend,
});
