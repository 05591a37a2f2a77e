import { InvalidArgumentError } from 'commander';

/** An unset variable in a script gives an empty one. */
export function fileName(text: string): string {
  if (text === '') throw new InvalidArgumentError('A file name must not be empty.');
  return text;
}
