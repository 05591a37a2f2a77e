import { UsageError } from '../events/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `5m`, `1h`, and `30` for seconds; in milliseconds. */
export function parseDuration(text: string): number {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? 0);
  // setTimeout takes no longer delay.
  if (number !== '' && ms > 0 && ms < 2 ** 31) return ms;
  throw new UsageError(`"${text}" is not a time`, 'give a time from 1ms to 500h, such as 30s or 5m');
}
