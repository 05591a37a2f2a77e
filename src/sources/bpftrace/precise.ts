/**
 * The precise set: probe parts on the netfilter functions themselves. Each is written for fentry, and turned into
 * kprobes where the kernel does not describe its functions.
 */
import type { ProbeChoice } from '../../events/event.ts';
import { CannotTraceError } from '../../events/errors.ts';
import type { Functions, Hold } from './functions.ts';

export interface PrecisePart {
  readonly file: string;
  /** What it tells, in words. */
  readonly gives: string;
  /** Parts without which it says nothing. */
  readonly after: readonly string[];
}

/** In the order in which they are tried; `nat.bt` is the one that the others add to. */
export const PRECISE: readonly PrecisePart[] = [
  { file: 'nat.bt', gives: 'NAT as the kernel does it', after: [] },
  { file: 'comments.bt', gives: 'the comments of the rules that run', after: ['nat.bt'] },
  { file: 'chains.bt', gives: 'the chains of nf_tables that run', after: ['nat.bt'] },
  { file: 'maps.bt', gives: 'the chains that verdict maps choose', after: ['nat.bt', 'chains.bt'] },
  { file: 'verdicts.bt', gives: 'the rules that ran before a drop', after: ['nat.bt', 'drops.bt'] },
  { file: 'conntrack.bt', gives: 'what conntrack turns away and forgets', after: [] },
  { file: 'ipvs.bt', gives: 'IPVS as it chooses a server', after: ['nat.bt'] },
];

/** A function's probe, as the parts write it: `kfunc:module:name /* arguments *\/`. */
const PROBE = /^(kfunc|kretfunc):(\w+):(\w+) \/\* ([\w, ]+) \*\/$/gm;
const ARGUMENT = /\bargs->(\w+)/g;

export interface Held {
  readonly part: PrecisePart;
  readonly choice: ProbeChoice;
  /** Absent where it cannot be attached. */
  readonly text?: string;
}

/** How parts were tried in vain, by their files. */
export type Refused = ReadonlyMap<string, ReadonlySet<Hold>>;

/**
 * The part with the best hold that all of its functions give.
 * @param others the parts that are in the program already @param refused what was tried in vain
 */
export async function hold(
  part: PrecisePart,
  others: ReadonlyMap<string, string>,
  read: (file: string) => Promise<string>,
  functions: Functions,
  refused: Refused,
): Promise<Held> {
  const { file, gives: what } = part;
  const absent = part.after.find((other) => !others.has(other));
  if (absent !== undefined) return { part, choice: { what, by: 'none', why: `it needs ${absent}` } };
  const text = await read(file);
  if (probesIn(text).length === 0) return { part, choice: { what, by: 'tracepoint' }, text };
  const lacks = new Set<string>();
  for (const by of ['fentry', 'kprobe'] as const) {
    const lack = refused.get(file)?.has(by) ? `the kernel refused ${by}` : await lackOf(by, text, functions);
    if (lack === undefined) {
      const why = [...lacks].join('; ');
      const choice: ProbeChoice = why === '' ? { what, by } : { what, by, why };
      return { part, choice, text: await written(text, by, functions) };
    }
    lacks.add(lack);
  }
  return { part, choice: { what, by: 'none', why: [...lacks].join('; ') } };
}

/** The parts among those held that a complaint of bpftrace is about, by the functions or lines that it names. */
export function blamed(held: readonly Held[], program: string, complaint: string): Held[] {
  const lines = program.split('\n');
  const places = [...complaint.matchAll(/stdin:(\d+)[:-][^\n]*ERROR/g)].map(([, line]) =>
    lines.slice(0, Number(line)).findLast((one) => /^\w+:\w+/.test(one)),
  );
  const about = `${complaint}\n${places.join('\n')}`;
  return held.filter(
    ({ text, choice }) =>
      text !== undefined &&
      choice.by !== 'tracepoint' &&
      functionsIn(text).some((name) => new RegExp(`\\b${name}\\b`).test(about)),
  );
}

/** @throws where the part that the others add to is not there */
export function requirePrecise(held: readonly Held[]): void {
  const nat = held.find(({ part }) => part.file === PRECISE[0]?.file);
  if (nat === undefined || nat.text !== undefined) return;
  throw new CannotTraceError(
    `the precise probe set cannot be attached: ${nat.choice.why ?? 'nothing is known of it'}`,
    'leave --probes at auto: it takes what this machine offers, and `nathop doctor` says what that is',
  );
}

interface Probe {
  readonly module: string;
  readonly name: string;
}

function probesIn(text: string): Probe[] {
  return [...text.matchAll(PROBE)].map(([, , module = '', name = '']) => ({ module, name }));
}

/** As they are written into a program. */
const functionsIn = (text: string): string[] =>
  [...text.matchAll(/^(?:kfunc|kretfunc|kprobe|kretprobe):(?:\w+:)?(\w+)/gm)].map(([, name = '']) => name);

async function lackOf(by: Hold, text: string, functions: Functions): Promise<string | undefined> {
  for (const { module, name } of probesIn(text)) {
    const lack = await functions.lack(by, module, name);
    if (lack !== undefined) return lack;
  }
  if (by === 'fentry') return undefined;
  return /\bargs->\w+->/.test(text) ? 'a kprobe does not know the types of its arguments' : undefined;
}

async function written(text: string, by: Hold, functions: Functions): Promise<string> {
  if (by === 'kprobe') return asKprobes(text);
  const targets = new Map<string, string>();
  for (const { module, name } of probesIn(text)) targets.set(name, await functions.target(module, name));
  return text.replace(
    PROBE,
    (_, kind: string, _module, name: string) => `${kind}:${targets.get(name) ?? name}`,
  );
}

/** Where there are no types the arguments go by their place. */
export function asKprobes(text: string): string {
  const [before = '', ...probes] = text.split(/^(?=kfunc:|kretfunc:)/m);
  return before + probes.map(asKprobe).join('');
}

function asKprobe(probe: string): string {
  const [head = '', kind, , name = '', list = ''] = new RegExp(PROBE.source, 'm').exec(probe) ?? [];
  const names = list.split(',').map((one) => one.trim());
  const placed = (argument: string): string => `arg${String(names.indexOf(argument))}`;
  const body = probe.slice(head.length);
  return kind === 'kfunc'
    ? `kprobe:${name}${body.replace(ARGUMENT, (_, argument: string) => placed(argument))}`
    : onReturn(name, body, placed);
}

/**
 * On return a kprobe has no arguments: they are kept at the call, by thread and processor, of which an interrupt may run
 * the same function in between. What that took from the thread is then not told.
 */
function onReturn(name: string, body: string, placed: (argument: string) => string): string {
  const used = [...new Set([...body.matchAll(ARGUMENT)].map(([, argument = '']) => argument))];
  const kept = (argument: string): string => `@${name}_${argument}[tid, cpu]`;
  const keep = used.map((argument) => `  ${kept(argument)} = (uint64)${placed(argument)};\n`);
  const take = used.map((argument) => `  $args_${argument} = ${kept(argument)};\n`);
  const forget = used.map((argument) => `    delete(${kept(argument)});\n`);
  const [first = ''] = used;
  const rest = body
    .trim()
    .slice('{\n'.length, -'}'.length)
    .replace(ARGUMENT, (_, one: string) => `$args_${one}`);
  return (
    `kprobe:${name}\n{\n${keep.join('')}}\n\n` +
    `kretprobe:${name}\n{\n${take.join('')}  if ($args_${first} != 0) {\n${forget.join('')}${rest}  }\n}\n\n`
  );
}
