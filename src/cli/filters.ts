/** The filter flags, one for each field there is. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { FIELDS } from '../trace/filter/fields.ts';
import { filterOf } from '../trace/filter/filter.ts';
import type { Filter } from '../trace/filter/filter.ts';

const GROUP = 'Filters (flags are AND; repeated or comma-separated values OR; !value excludes):';

export function addFilters(command: Command): void {
  for (const field of FIELDS) {
    const short = field.short === undefined ? '' : `-${field.short}, `;
    const option = new Option(`${short}--${field.name} ${field.value}`, field.help)
      .argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
      .helpGroup(GROUP);
    // For completion and help only: `!open` and `open,closed` are values too, and the field reads them.
    if (field.choices !== undefined) option.argChoices = [...field.choices];
    command.addOption(option);
  }
}

export function filterFrom(command: Command): Filter {
  const given: Record<string, unknown> = command.opts();
  const values: Record<string, readonly string[]> = {};
  for (const field of FIELDS) {
    const value = given[attributeOf(field.name)];
    if (Array.isArray(value)) values[field.name] = value.map(String);
  }
  return filterOf(values);
}

/** Commander's camel case: from-ip is fromIp. */
const attributeOf = (name: string): string => new Option(`--${name}`).attributeName();
