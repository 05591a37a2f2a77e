import type { Request } from '../trace/request.ts';

/** A way of writing requests, one a line. */
export interface Output {
  /** The line that stands above all others; absent where there is none. */
  header(): string | undefined;
  /**
   * Without the line's end.
   * @param unmet what was expected of it and is not so
   */
  render(request: Request, unmet?: readonly string[]): string;
}
