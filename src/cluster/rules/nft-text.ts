import { isObject, listOf, textOf, type Json } from './json.ts';

/** The rule as `nft list ruleset` prints it, without its counter. */
export function ruleText(expressions: readonly Json[], comment: string): string {
  const parts = expressions.map(statementText).filter((part) => part !== '');
  if (comment !== '') parts.push(`comment "${comment}"`);
  return parts.join(' ');
}

function statementText(statement: Json): string {
  const [kind = ''] = Object.keys(statement);
  const value = statement[kind];
  const given = isObject(value) ? value : {};
  switch (kind) {
    case 'match':
      return matchText(given);
    case 'counter':
      return '';
    case 'mangle':
      return `${exprText(given['key'])} set ${exprText(given['value'], isMark(given['key']))}`;
    case 'vmap':
      return `${exprText(given['key'])} vmap ${exprText(given['data'])}`;
    case 'jump':
    case 'goto':
      return `${kind} ${textOf(given['target'])}`;
    case 'set':
      return `${textOf(given['op'])} ${exprText(given['set'])} { ${exprText(given['elem'])} }`;
    case 'reject':
      return rejectText(given);
    case 'dnat':
    case 'snat':
    case 'redirect':
    case 'masquerade':
      return natText(kind, given);
    case 'limit':
      return limitText(given);
    case 'log':
      return given['prefix'] === undefined ? 'log' : `log prefix "${textOf(given['prefix'])}"`;
    case 'xt':
      return `xt ${textOf(given['type'])} "${textOf(given['name'])}"`;
    default:
      return kind;
  }
}

function matchText({ op, left, right }: Json): string {
  // A bitwise left side needs its operator to be read back.
  const silent = op === 'in' || (op === '==' && !isBitwise(left));
  const wanted =
    isDeviceName(left) && typeof right === 'string' ? `"${right}"` : exprText(right, isMark(left));
  return `${exprText(left)}${silent ? ' ' : ` ${textOf(op)} `}${wanted}`;
}

const isBitwise = (json: unknown): boolean =>
  isObject(json) && ['&', '|', '^'].some((operator) => operator in json);

const isDeviceName = (json: unknown): boolean =>
  isObject(json) && isObject(json['meta']) && textOf(json['meta']['key']).endsWith('ifname');

function limitText({ rate, per, inv, rate_unit: unit }: Json): string {
  const amount = unit === undefined || unit === 'packets' ? '' : ` ${textOf(unit)}`;
  return `limit rate ${inv === true ? 'over ' : ''}${exprText(rate)}${amount}/${textOf(per)}`;
}

/** `reject` alone where it is the default, port-unreachable. */
function rejectText({ type, expr }: Json): string {
  if (type === 'tcp reset') return 'reject with tcp reset';
  return type === undefined || expr === 'port-unreachable'
    ? 'reject'
    : `reject with ${textOf(type)} ${exprText(expr)}`;
}

function natText(kind: string, { family, addr, port, flags }: Json): string {
  const address = exprText(addr);
  const bracketed =
    port !== undefined && address.includes(':') && typeof addr === 'string' ? `[${address}]` : address;
  const to = `${bracketed}${port === undefined ? '' : `:${exprText(port)}`}`;
  const words = [kind, ...(to === '' ? [] : [...(family === undefined ? [] : [textOf(family)]), 'to', to])];
  const written = (Array.isArray(flags) ? flags : flags === undefined ? [] : [flags]).map((flag) =>
    textOf(flag),
  );
  return [...words, ...(written.length > 0 ? [written.join(',')] : [])].join(' ');
}

const DEEPEST = 12;

/** An expression; numbers in hexadecimal where they are bits of a mark. */
export function exprText(json: unknown, bits = false, depth = 0): string {
  if (typeof json === 'number') return bits ? hex(json) : String(json);
  if (typeof json === 'string') return json;
  if (depth > DEEPEST) return '…';
  const inner = (value: unknown): string => exprText(value, bits, depth + 1);
  if (Array.isArray(json)) return listOf(json).map(inner).join(',');
  if (!isObject(json)) return '';
  const [kind = ''] = Object.keys(json);
  const value = json[kind];
  const given = isObject(value) ? value : {};
  switch (kind) {
    case 'payload':
      return `${textOf(given['protocol'])} ${textOf(given['field'])}`;
    case 'meta':
      return UNQUALIFIED.has(textOf(given['key'])) ? textOf(given['key']) : `meta ${textOf(given['key'])}`;
    case 'ct':
      return `ct ${textOf(given['key'])}`;
    case 'fib':
      return `fib ${listOf(given['flags']).map(inner).join(' . ')} ${textOf(given['result'])}`;
    case 'prefix':
      return `${textOf(given['addr'])}/${inner(given['len'])}`;
    case 'range':
      return listOf(value).map(inner).join('-');
    case 'concat':
      return listOf(value).map(inner).join(' . ');
    case 'numgen':
      return `numgen ${textOf(given['mode'])} mod ${inner(given['mod'])}`;
    case 'jhash':
      return `jhash ${inner(given['expr'])} mod ${inner(given['mod'])}`;
    case 'map':
      return `${inner(given['key'])} map ${inner(given['data'])}`;
    case 'set':
      return setText(listOf(value), inner);
    case 'elem':
      return inner(given['val']);
    case '&':
    case '|':
    case '^':
      return listOf(value)
        .map((side) => exprText(side, bits || isMark(json), depth + 1))
        .join(` ${kind} `);
    case 'jump':
    case 'goto':
      return `${kind} ${textOf(given['target'])}`;
    default:
      return kind;
  }
}

const UNQUALIFIED: ReadonlySet<string> = new Set(['iif', 'oif', 'iifname', 'oifname']);

function setText(entries: readonly unknown[], inner: (value: unknown) => string): string {
  const written = entries.map((entry) =>
    Array.isArray(entry) ? entry.map(inner).join(' : ') : inner(entry),
  );
  return `{ ${written.join(', ')} }`;
}

/** Whether an expression is, or is made from, the packet's mark. */
function isMark(json: unknown, depth = 0): boolean {
  if (!isObject(json) || depth > DEEPEST) return false;
  if (isObject(json['meta'])) return json['meta']['key'] === 'mark';
  return ['&', '|', '^'].some((operator) => listOf(json[operator]).some((side) => isMark(side, depth + 1)));
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
