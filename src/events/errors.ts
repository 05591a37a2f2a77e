/**
 * What the user can mend. Each carries the exit status, one line of what is wrong (the message) and one line
 * of what to do. Anything else that is thrown is a bug of ours and is shown as one.
 */
export class UserError extends Error {
  readonly status: 1 | 2 | 3;
  readonly mend: string;

  constructor(status: 1 | 2 | 3, message: string, mend: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.status = status;
    this.mend = mend;
  }
}

/** It was started rightly and did not work out: a file, a disk, a command. */
export class FailedError extends UserError {
  constructor(message: string, mend: string, options?: ErrorOptions) {
    super(1, message, mend, options);
  }
}

/** A flag or an argument says something we cannot follow. */
export class UsageError extends UserError {
  constructor(message: string, mend: string, options?: ErrorOptions) {
    super(2, message, mend, options);
  }
}

/** This machine does not let us trace; `doctor` says why in full. */
export class CannotTraceError extends UserError {
  constructor(message: string, mend: string, options?: ErrorOptions) {
    super(3, message, mend, options);
  }
}

/** `no space left on device` of Node's `ENOSPC: no space left on device, write`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+: ([^,]*)/.exec(message)?.[1] ?? message;
}
