import type { Hook } from '../../trace/request.ts';
import { LazyChain } from './chain.ts';
import { IpSets } from './ipset.ts';
import { parseIptablesRule } from './iptables-rule.ts';
import type { Base, Chain, RuleSet, Table } from './model.ts';

/**
 * Reads the output of `iptables-save` or `ip6tables-save`, with or without counters. Never throws.
 * @param sets that its rules may ask
 */
export function parseIptables(text: string, family: 'ip' | 'ip6', sets = IpSets.none): RuleSet {
  const tables: Table[] = [];
  let chains: Map<string, ChainLines> | undefined;
  let name = '';
  const finish = (): void => {
    if (chains) tables.push({ family, name, chains: buildChains(family, name, chains, sets) });
    chains = undefined;
  };
  for (const line of lines(text)) {
    const first = line.charCodeAt(0);
    if (first === STAR) {
      finish();
      name = line.slice(1).trim();
      chains = new Map();
    } else if (line === 'COMMIT') finish();
    else if (first === COLON) declare(chains, line);
    else if (first === DASH || first === BRACKET) append(chains, line);
  }
  // A text that was cut off ends without COMMIT; what it holds still counts.
  finish();
  return { tables };
}

const STAR = 42;
const COLON = 58;
const DASH = 45;
const BRACKET = 91;

interface ChainLines {
  policy: string;
  readonly rules: string[];
}

function* lines(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(start, text.charCodeAt(end - 1) === 13 ? end - 1 : end);
    start = end + 1;
  }
}

/** `:KUBE-SERVICES - [0:0]`: chain, policy (`-` where it is not built in), counters. */
function declare(chains: Map<string, ChainLines> | undefined, line: string): void {
  const [name = '', policy = '-'] = line.slice(1).split(' ', 2);
  const known = chains?.get(name);
  if (known) known.policy = policy;
  else chains?.set(name, { policy, rules: [] });
}

/** `[12:720] -A KUBE-SERVICES …`. */
function append(chains: Map<string, ChainLines> | undefined, line: string): void {
  const start = line.charCodeAt(0) === BRACKET ? line.indexOf('] ') + 2 : 0;
  if (!line.startsWith('-A ', start)) return;
  const space = line.indexOf(' ', start + 3);
  const name = line.slice(start + 3, space < 0 ? line.length : space);
  const rule = start === 0 ? line : line.slice(start);
  const chain = chains?.get(name);
  if (chain) chain.rules.push(rule);
  else chains?.set(name, { policy: '-', rules: [rule] });
}

function buildChains(
  family: 'ip' | 'ip6',
  table: string,
  read: Map<string, ChainLines>,
  sets: IpSets,
): Map<string, Chain> {
  const isChain = (name: string): boolean => read.has(name);
  const chains = new Map<string, Chain>();
  for (const [name, { policy, rules }] of read) {
    chains.set(
      name,
      new LazyChain(
        name,
        baseOf(table, name, policy),
        () => rules.map((rule) => parseIptablesRule(rule, family, isChain, sets)),
        (other) => chains.get(other),
      ),
    );
  }
  return chains;
}

const HOOKS: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities. */
const PRIORITIES: ReadonlyMap<string, number> = new Map(
  Object.entries<number>({ raw: -300, mangle: -150, filter: 0, security: 50 }),
);

function baseOf(table: string, name: string, policy: string): Base | undefined {
  const hook = HOOKS.find((candidate) => candidate === name);
  if (!hook || policy === '-') return undefined;
  const nat = hook === 'PREROUTING' || hook === 'OUTPUT' ? -100 : 100;
  return {
    hook,
    type: table === 'nat' ? 'nat' : 'filter',
    priority: table === 'nat' ? nat : (PRIORITIES.get(table) ?? 0),
    policy: policy === 'DROP' ? 'drop' : 'accept',
  };
}
