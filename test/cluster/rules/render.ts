import type { AddressRange } from '../../../src/cluster/rules/address.ts';
import type { Match, ParsedRule, Verdict } from '../../../src/cluster/rules/model.ts';

/**
 * What a rule of iptables-save says, as a sorted list of its parts: once read off the line itself, once off
 * the model that was made from it. Equal lists mean that nothing was lost or bent on the way.
 */
export function saidByLine(line: string): string[] {
  const bare = line
    .replace(/^\[\d+:\d+\] /, '')
    .replace(/^-A \S+/, '')
    .replace(/ --comment "(?:[^"\\]|\\.)*"/, '')
    .replace(/ -m (?:recent|nfacct) (?:--set|--nfacct-name).*?(?= -[mjg] |$)/, '')
    .replace(/ -m (statistic|recent) (.*?)(?= -[mjg] |$)/, ' chance:$1')
    .replace(/ -m \S+/g, '')
    .replace(/ --reject-with \S+| --random-fully/g, '');
  return bare
    .split(/ (?=! |chance:)|(?<!!) (?=--?[a-z])/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => (part.startsWith('--to-') ? [part.split(' ')[1] ?? ''] : [part]))
    .sort();
}

export function saidByModel(rule: ParsedRule): string[] {
  return rule.steps
    .flatMap((step) => {
      if (step.kind === 'match') return [matchText(step.match)];
      if (step.kind === 'mark') return ['-j MARK', `--set-xmark ${hex(step.flip)}/${hex(~step.keep)}`];
      return step.kind === 'verdict' ? verdictText(step.verdict) : [step.kind];
    })
    .sort();
}

function matchText(match: Match): string {
  const not = match.negated ? '! ' : '';
  switch (match.kind) {
    case 'address': {
      const host = match.exact?.includes(':') ? 128 : 32;
      return `${not}-${match.side.charAt(0)} ${match.range ? prefix(match.range) : `${match.exact}/${host}`}`;
    }
    case 'protocol':
      return `${not}-p ${match.protocol}`;
    case 'port':
      return `${not}--${match.side.charAt(0)}port ${match.ranges.map(([a, b]) => (a === b ? a : `${a}:${b}`)).join()}`;
    case 'device':
      return `${not}-${match.side.charAt(0)} ${match.name.replace('*', '+')}`;
    case 'conntrack':
      return `${not}--ctstate ${match.states.join().toUpperCase()}`;
    case 'address-type':
      return `${not}--${match.side}-type ${match.types.join().toUpperCase()}`;
    case 'mark':
      return `${not}--mark ${hex(match.value)}/${hex(match.mask)}`;
    case 'chance':
      return `chance:${match.text.split(' ')[1]}`;
    default:
      return `${match.kind}?`;
  }
}

function verdictText(verdict: Verdict): string[] {
  if (verdict.kind === 'jump') return [`-j ${verdict.chain}`];
  if (verdict.kind === 'goto') return [`-g ${verdict.chain}`];
  const name = `-j ${verdict.kind.toUpperCase()}`;
  if (!('to' in verdict) || verdict.to.kind !== 'one' || verdict.to.target.first === undefined) return [name];
  const { first, ports } = verdict.to.target;
  return [name, `${first.includes(':') ? `[${first}]` : first}${ports ? `:${ports[0]}` : ''}`];
}

function prefix({ family, first, last }: AddressRange): string {
  const size = BigInt(last) - BigInt(first) + 1n;
  const length = (family === 4 ? 32 : 128) - (size.toString(2).length - 1);
  return `${family === 4 ? ipv4(Number(first)) : ipv6(BigInt(first))}/${length}`;
}

const ipv4 = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** Enough for prefixes, whose zeros stand at the end. */
function ipv6(value: bigint): string {
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? [];
  return groups
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
    .replace(/(?::0)+$/, '::');
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
