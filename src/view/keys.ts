/** Keys people know from less, vi, htop and k9s; the help and the hints are written from this table. */
import type { Key } from 'ink';

export type Action =
  | 'down'
  | 'up'
  | 'page-down'
  | 'page-up'
  | 'start'
  | 'end'
  | 'open'
  | 'close'
  | 'next'
  | 'previous'
  | 'switch'
  | 'filter'
  | 'failures'
  | 'troubles'
  | 'pause'
  | 'follow'
  | 'sort'
  | 'reverse'
  | 'record'
  | 'help'
  | 'suspend'
  | 'quit';

interface Binding {
  readonly action: Action;
  readonly keys: readonly string[];
  /** As the help shows them. */
  readonly shown: string;
  readonly help: string;
}

export const bindings: readonly Binding[] = [
  { action: 'down', keys: ['j', 'down'], shown: 'j  ↓', help: 'next request; in the detail: scroll' },
  { action: 'up', keys: ['k', 'up'], shown: 'k  ↑', help: 'previous request; in the detail: scroll' },
  { action: 'page-down', keys: ['pagedown', 'ctrl-f'], shown: 'PgDn', help: 'a page down' },
  { action: 'page-up', keys: ['pageup', 'ctrl-b'], shown: 'PgUp', help: 'a page up' },
  { action: 'start', keys: ['g', 'home'], shown: 'g  Home', help: 'to the first' },
  { action: 'end', keys: ['G', 'end'], shown: 'G  End', help: 'to the last' },
  { action: 'open', keys: ['enter'], shown: 'Enter', help: 'the whole way of this request, hop by hop' },
  {
    action: 'close',
    keys: ['escape'],
    shown: 'Esc',
    help: 'close the detail or this help; then: clear the filter',
  },
  { action: 'next', keys: ['l', 'right'], shown: 'l  →', help: 'the next request, with its detail open' },
  {
    action: 'previous',
    keys: ['h', 'left'],
    shown: 'h  ←',
    help: 'the previous request, with its detail open',
  },
  {
    action: 'switch',
    keys: ['tab'],
    shown: 'Tab',
    help: 'between list and detail, where both are on screen',
  },
  { action: 'filter', keys: ['/'], shown: '/', help: 'filter: as on the command line, or any text' },
  {
    action: 'failures',
    keys: ['F'],
    shown: 'F',
    help: 'only what failed or was answered 4xx or 5xx, without port scans; again: all',
  },
  {
    action: 'troubles',
    keys: ['e'],
    shown: 'e',
    help: 'what fails, counted by Service and kind, the worst first; Enter: these alone',
  },
  { action: 'pause', keys: ['p', ' '], shown: 'p  Space', help: 'hold the list still; tracing goes on' },
  { action: 'follow', keys: ['f'], shown: 'f', help: 'keep the newest request in sight' },
  { action: 'sort', keys: ['s'], shown: 's', help: 'sort by the next column' },
  { action: 'reverse', keys: ['S'], shown: 'S', help: 'sort the other way round' },
  { action: 'record', keys: ['r'], shown: 'r', help: 'record to a file; again: stop' },
  { action: 'help', keys: ['?'], shown: '?', help: 'this help' },
  { action: 'suspend', keys: ['ctrl-z'], shown: 'Ctrl-Z', help: 'to the shell; fg comes back' },
  { action: 'quit', keys: ['q', 'ctrl-c'], shown: 'q  Ctrl-C', help: 'quit' },
];

const actions = new Map(bindings.flatMap(({ action, keys }) => keys.map((key) => [key, action] as const)));

export const actionOf = (key: string): Action | undefined => actions.get(key);

/** What one read from the terminal holds: over ssh, several keys often come at once. */
export function keysOf(input: string, key: Key): string[] {
  if (key.upArrow) return ['up'];
  if (key.downArrow) return ['down'];
  if (key.leftArrow) return ['left'];
  if (key.rightArrow) return ['right'];
  if (key.pageDown) return ['pagedown'];
  if (key.pageUp) return ['pageup'];
  if (key.home) return ['home'];
  if (key.end) return ['end'];
  if (key.return) return ['enter'];
  if (key.escape) return ['escape'];
  if (key.tab) return ['tab'];
  // Terminals send DEL for the backspace key, and Ink calls that delete.
  if (key.backspace || key.delete) return ['backspace'];
  if (key.meta) return [];
  if (key.ctrl) return [`ctrl-${input}`];
  return Array.from(input, characterKey).filter((name) => name !== '');
}

const CONTROL: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
};

function characterKey(character: string): string {
  const code = character.charCodeAt(0);
  const named = CONTROL[character];
  if (named !== undefined) return named;
  if (code >= 1 && code <= 26) return `ctrl-${String.fromCharCode(code + 96)}`;
  return /\p{Cc}/u.test(character) ? '' : character;
}
