import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Functions, Hold } from '../../../src/sources/bpftrace/functions.ts';
import { asKprobes, blamed, PRECISE, requirePrecise } from '../../../src/sources/bpftrace/precise.ts';
import type { Refused } from '../../../src/sources/bpftrace/precise.ts';
import { compose, MissingTracepointError, parseDropReasons } from '../../../src/sources/bpftrace/program.ts';
import type { Offer, Program } from '../../../src/sources/bpftrace/program.ts';

const PROBES = new URL('../../../probes/', import.meta.url).pathname;
const REASONS = new Map([[12, 'NETFILTER_DROP']]);

/** A kernel on which functions give a hold or do not. */
function kernel(lack: (hold: Hold, module: string, name: string) => string | undefined): Functions {
  return {
    obstacle: { fentry: undefined, kprobe: undefined },
    lack: (hold, module, name) => Promise.resolve(lack(hold, module, name)),
    target: (module, name) => Promise.resolve(`${module}:${name}`),
  };
}

const composed = (
  functions: Functions | undefined,
  refused?: Refused,
  has: Offer['has'] = () => true,
): Promise<Program> =>
  compose(PROBES, { has, dropReasons: REASONS, ...(functions && { functions }) }, refused);
const choices = ({ precise }: Program): Record<string, string> =>
  Object.fromEntries(precise.map(({ part, choice }) => [part.file, choice.by]));

describe('the program that is made of the parts', () => {
  it('is of tracepoints alone where no functions are asked for', async () => {
    const { text, precise, missing } = await composed(undefined);
    expect({ precise, missing }).toEqual({ precise: [], missing: [] });
    expect(text).not.toMatch(/^(?:kfunc|kretfunc|kprobe):/m);
  });

  it('has one BEGIN, and one END that clears each map there is', async () => {
    const { text } = await composed(kernel(() => undefined));
    expect(text.match(/^BEGIN$/gm)).toHaveLength(1);
    expect(text.match(/^END$/gm)).toHaveLength(1);
    const end = text.slice(text.lastIndexOf('END\n'));
    for (const map of new Set(text.match(/@\w+/g))) expect(end).toContain(`clear(${map});`);
  });

  it('takes fentry where it can, kprobes where the kernel describes nothing, and goes without for the rest', async () => {
    expect(choices(await composed(kernel(() => undefined)))).toEqual({
      'nat.bt': 'fentry',
      'comments.bt': 'fentry',
      'chains.bt': 'fentry',
      'maps.bt': 'fentry',
      'verdicts.bt': 'tracepoint',
      'conntrack.bt': 'fentry',
      'ipvs.bt': 'fentry',
    });
    const old = await composed(kernel((hold) => (hold === 'fentry' ? 'no fentry' : undefined)));
    expect(choices(old)).toMatchObject({
      'nat.bt': 'kprobe',
      'comments.bt': 'kprobe',
      'chains.bt': 'none',
      'maps.bt': 'none',
      'conntrack.bt': 'kprobe',
    });
    expect(old.precise[0]?.choice.why).toBe('no fentry');
    expect(old.text).not.toMatch(/kfunc|kretfunc|args->(?!skbaddr|reason|location)\w+->/);
  });

  it('leaves out one part alone where one module is not loaded', async () => {
    const without = await composed(
      kernel((_, module) => (module === 'ip_vs' ? 'the module ip_vs is not loaded' : undefined)),
    );
    expect(choices(without)).toMatchObject({ 'nat.bt': 'fentry', 'ipvs.bt': 'none', 'maps.bt': 'fentry' });
    expect(without.precise.at(-1)?.choice.why).toBe('the module ip_vs is not loaded');
  });

  it('goes on to the next best of what was refused, and without what needs it in the end', async () => {
    const functions = kernel(() => undefined);
    const once = await composed(functions, new Map([['nat.bt', new Set<Hold>(['fentry'])]]));
    expect(choices(once)).toMatchObject({ 'nat.bt': 'kprobe', 'comments.bt': 'fentry' });
    const twice = await composed(functions, new Map([['nat.bt', new Set<Hold>(['fentry', 'kprobe'])]]));
    expect(choices(twice)).toEqual({
      'nat.bt': 'none',
      'comments.bt': 'none',
      'chains.bt': 'none',
      'maps.bt': 'none',
      'verdicts.bt': 'none',
      'conntrack.bt': 'fentry',
      'ipvs.bt': 'none',
    });
    expect(() => {
      requirePrecise(twice.precise);
    }).toThrow('the precise probe set cannot be attached');
    requirePrecise(once.precise);
  });

  it('cannot do without the floor', async () => {
    await expect(composed(undefined, undefined, (t) => t !== 'net/net_dev_queue')).rejects.toThrow(
      MissingTracepointError,
    );
  });
});

it('knows from what bpftrace says which part it is about', async () => {
  const { precise, text } = await composed(kernel(() => undefined));
  const about = (said: string): string[] => blamed(precise, text, said).map(({ part }) => part.file);
  const line = text.split('\n').findIndex((one) => one.includes('args->pkt->state')) + 1;
  expect(about('ERROR: Error attaching probe: kfunc:nf_tables:nft_immediate_eval')).toEqual(['chains.bt']);
  expect(about('ERROR: Could not resolve symbol: ip_vs_nat_xmit')).toEqual(['ipvs.bt']);
  expect(about('ERROR: something else')).toEqual([]);
  expect(about(`stdin:${String(line)}:11-19: ERROR: Unknown struct`)).toEqual(['chains.bt']);
  expect(about('stdin:2:1-3: WARNING: nothing of note')).toEqual([]);
});

it.each(PRECISE)('$file says what it does, on which kernels, and what it prints', ({ file }) => {
  const text = readFileSync(`${PROBES}${file}`, 'utf8');
  expect(text).toMatch(/^\/\*\n \* [\w.]+: .*\n[^]*? \* Hook {5}[^]*? \*\/\n/);
});

it('gives a kprobe its arguments by their place', () => {
  const probe =
    'BEGIN\n{\n}\n\nkfunc:nf_nat:nf_nat_inet_fn /* priv, skb, state */\n{\n  $a = args->skb; $b = args->state;\n}\n';
  expect(asKprobes(probe)).toBe('BEGIN\n{\n}\n\nkprobe:nf_nat_inet_fn\n{\n  $a = arg1; $b = arg2;\n}\n');
});

it('keeps for the return of a kprobe what it was called with', () => {
  const probe =
    'BEGIN\n{\n}\n\nkretfunc:nf_conntrack:__nf_conntrack_confirm /* skb */\n{\n  if (retval == 0) {\n    $a = args->skb;\n  }\n}\n';
  expect(asKprobes(probe)).toBe(
    [
      'BEGIN\n{\n}\n\nkprobe:__nf_conntrack_confirm\n{\n  @__nf_conntrack_confirm_skb[tid, cpu] = (uint64)arg0;\n}\n',
      'kretprobe:__nf_conntrack_confirm\n{\n  $args_skb = @__nf_conntrack_confirm_skb[tid, cpu];',
      '  if ($args_skb != 0) {\n    delete(@__nf_conntrack_confirm_skb[tid, cpu]);',
      '  if (retval == 0) {\n    $a = $args_skb;\n  }\n  }\n}\n\n',
    ].join('\n'),
  );
});

it('makes do without the reasons of drops where the kernel gives none', async () => {
  const { text, missing } = await compose(PROBES, {
    has: () => true,
    dropReasons: parseDropReasons('print fmt: "skbaddr=%p"'),
  });
  expect(text).not.toContain('args->reason');
  expect(missing).toEqual([expect.stringMatching(/^drops but by rules/)]);
});
