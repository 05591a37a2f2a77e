/** One thing a machine has or lacks, as `nathop doctor` prints it. */
export interface Check {
  readonly name: string;
  /** `false`: nathop cannot trace; `warn`: something is not seen, not known, or does harm to requests. */
  readonly ok: true | false | 'warn';
  /** What is there, in words. */
  readonly found: string;
  /** What it means for a request; absent where the name says it. */
  readonly means?: string;
  /** What to do about it; absent where nothing needs doing. */
  readonly mend?: string;
  /** The same as `found`, for programs. */
  readonly values?: Values;
}

export type Values = Readonly<Record<string, number | boolean | string>>;

/** What stands beside the words. */
type More = Pick<Check, 'means' | 'values'>;

export const fine = (name: string, found: string, more: More = {}): Check => ({
  name,
  ok: true,
  found,
  ...more,
});
export const lacking = (name: string, found: string, mend: string): Check => ({
  name,
  ok: false,
  found,
  mend,
});
export const doubtful = (name: string, found: string, mend: string, more: More = {}): Check => ({
  name,
  ok: 'warn',
  found,
  mend,
  ...more,
});
