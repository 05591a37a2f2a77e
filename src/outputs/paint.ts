import type { Colors } from 'picocolors/types.js';
import type { Request } from '../trace/request.ts';
import { shown } from './words.ts';

/** Verdict and state stand out in the same colours in every text output. */
export function paintVerdict(colors: Colors, request: Request, text: string): string {
  switch (request.clientIp.verdict) {
    case 'preserved':
    case 'carried':
      return colors.green(text);
    case 'lost':
      return colors.yellow(text);
    case 'forged-or-stale':
      return colors.red(text);
    case 'unknown':
      return colors.dim(text);
  }
}

export function paintState(colors: Colors, request: Request, text: string): string {
  switch (request.state) {
    case 'refused':
    case 'rejected':
    case 'dropped':
    case 'unanswered':
      return colors.red(text);
    case 'open':
    case 'established':
      return text;
    case 'closed':
      return request.failure === undefined ? colors.dim(text) : colors.red(text);
  }
}

/** `not client-ip=preserved`, of what was expected of a request. */
export const paintUnmet = (colors: Colors, unmet: readonly string[] = []): string | undefined =>
  unmet.length === 0 ? undefined : colors.red(`not ${unmet.map((text) => shown(text)).join(', ')}`);
