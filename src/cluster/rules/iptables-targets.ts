import { isNumber, portRange } from './iptables-matches.ts';
import type { Step, Target, Targets, Verdict } from './model.ts';

/** What `-j` or `-g` does. Targets that let the packet go on (LOG, CT, TCPMSS, …) leave no step. */
export function targetSteps(
  option: '-j' | '-g',
  name: string,
  options: readonly string[],
  isChain: (name: string) => boolean,
): Step[] {
  if (isChain(name)) return verdict({ kind: option === '-g' ? 'goto' : 'jump', chain: name });
  switch (name) {
    case 'ACCEPT':
    case 'NFQUEUE':
    case 'TPROXY':
      // The last two take the packet out of the table.
      return verdict({ kind: 'accept' });
    case 'DROP':
      return verdict({ kind: 'drop' });
    case 'RETURN':
      return verdict({ kind: 'return' });
    case 'REJECT':
      return verdict({ kind: 'reject' });
    case 'DNAT':
      return verdict({ kind: 'dnat', to: one(destination(valueOf(options, '--to-destination'))) });
    case 'SNAT':
      return verdict({ kind: 'snat', to: one(destination(valueOf(options, '--to-source'))) });
    case 'NETMAP':
      return verdict({ kind: 'dnat', to: { kind: 'any' } });
    case 'REDIRECT':
      return verdict({ kind: 'redirect', to: one(portsOnly(valueOf(options, '--to-ports'))) });
    case 'MASQUERADE':
      return verdict({ kind: 'masquerade', to: one(portsOnly(valueOf(options, '--to-ports'))) });
    case 'MARK':
      return markSteps(options);
    default:
      return [];
  }
}

const verdict = (value: Verdict): Step[] => [{ kind: 'verdict', verdict: value }];

function valueOf(options: readonly string[], name: string): string | undefined {
  const at = options.indexOf(name);
  return at < 0 ? undefined : options[at + 1];
}

const one = (target: Target | undefined): Targets => (target ? { kind: 'one', target } : { kind: 'any' });

const ADDRESS_AND_PORTS =
  /^(?:\[([\da-f:.]+)(?:-([\da-f:.]+))?\]|([\d.]+)(?:-([\d.]+))?|)(?::(\d+(?:-\d+)?)(?:\/\d+)?)?$/;
const IPV6_ALONE = /^([\da-f:.]+)(?:-([\da-f:.]+))?$/;

/** `10.0.0.1`, `10.0.0.1-10.0.0.9:80-90`, `:80`, `[fd00::1]:80`, `fd00::1`. */
function destination(text: string | undefined): Target | undefined {
  if (text === undefined) return undefined;
  const both = ADDRESS_AND_PORTS.exec(text);
  if (both) return target(both[1] ?? both[3], both[2] ?? both[4], both[5]);
  const alone = IPV6_ALONE.exec(text);
  return alone ? target(alone[1], alone[2], undefined) : undefined;
}

function portsOnly(text: string | undefined): Target | undefined {
  return text === undefined ? {} : target(undefined, undefined, text);
}

function target(first: string | undefined, last: string | undefined, ports: string | undefined): Target {
  const range = ports === undefined ? undefined : portRange(ports, '-');
  return {
    ...(first === undefined ? {} : { first }),
    ...(last === undefined ? {} : { last }),
    ...(range ? { ports: range } : {}),
  };
}

/** net/netfilter/xt_mark.c, mark_tg: mark = (mark & ~mask) ^ value; iptables-save prints every form as --set-xmark. */
function markSteps(options: readonly string[]): Step[] {
  const [value = '', mask = '0xffffffff'] = (valueOf(options, '--set-xmark') ?? '').split('/');
  return isNumber(value) && isNumber(mask)
    ? [{ kind: 'mark', keep: ~Number(mask), flip: Number(value) | 0 }]
    : [];
}
