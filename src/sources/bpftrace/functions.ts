/** Which kernel functions can be traced on this machine, and how. Looks only; attaches nothing. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { tied } from '../../cluster/netns/tied.ts';
import { toolPath } from '../../cluster/netns/run.ts';
import type { Tracefs } from './tracefs.ts';

const BTF = '/sys/kernel/btf';

/** How a function can be traced: fentry and fexit, where the kernel describes its arguments; kprobe. */
export type Hold = 'fentry' | 'kprobe';

export interface Functions {
  /** Why nothing can be traced in this way at all; undefined where it can. */
  readonly obstacle: Readonly<Record<Hold, string | undefined>>;
  /** What stands in the way of tracing one function so; undefined: nothing. */
  lack(hold: Hold, module: string, name: string): Promise<string | undefined>;
  /** `module:name` as bpftrace has it; what is built in belongs to no module. */
  target(module: string, name: string): Promise<string>;
}

export async function findFunctions(tracefs: Tracefs): Promise<Functions> {
  const [fentry, kprobes] = await Promise.all([hasFentry(tracefs), tracefs.has('kprobe_events')]);
  return new KernelFunctions({
    fentry: fentry ? undefined : 'this kernel has no fentry',
    kprobe: kprobes ? undefined : 'this kernel has no kprobes (CONFIG_KPROBE_EVENTS)',
  });
}

/**
 * Whether fentry attaches: tried on a function that is hardly ever called, and ended at once. What `bpftrace --info`
 * says of it is not true of 0.17.
 */
async function hasFentry({ enter }: Tracefs): Promise<boolean> {
  const attempt = ['bpftrace', '-e', 'kfunc:vmlinux:inet_listen { } BEGIN { exit(); }'] as const;
  const { exitCode } = await execa(...tied('TERM', attempt, { flags: enter }), {
    reject: false,
    timeout: 60_000,
    stdin: 'ignore',
    env: { PATH: toolPath() },
  });
  return exitCode === 0;
}

/** sysfs gives a page at a time, which readFile() takes for the end. */
async function readWhole(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

class KernelFunctions implements Functions {
  readonly obstacle: Functions['obstacle'];
  private readonly types = new Map<string, Promise<Buffer | undefined>>();
  private symbols: Promise<string> | undefined;

  constructor(obstacle: Functions['obstacle']) {
    this.obstacle = obstacle;
  }

  async lack(hold: Hold, module: string, name: string): Promise<string | undefined> {
    const obstacle = this.obstacle[hold];
    if (obstacle !== undefined) return obstacle;
    if ((await this.typedIn(module, name)) !== undefined) return undefined;
    if (!(await this.isSymbol(name))) {
      return (await this.btf(module)) === undefined
        ? `the module ${module} is not loaded`
        : `this kernel has no function ${name}`;
    }
    return hold === 'kprobe' ? undefined : `this kernel does not describe ${name} (no BTF for ${module})`;
  }

  async target(module: string, name: string): Promise<string> {
    const where = await this.typedIn(module, name);
    return where === 'vmlinux' || where === undefined ? name : `${where}:${name}`;
  }

  /** The BTF that describes the function: the module's own, or the kernel's where it is built in. */
  private async typedIn(module: string, name: string): Promise<string | undefined> {
    // Names stand in it between zero bytes; a module's leaves out those that the kernel's has too.
    const text = Buffer.from(`\0${name}\0`);
    const own = await this.btf(module);
    if (own?.includes(text) === true) return module;
    const isKnown = (await this.btf('vmlinux'))?.includes(text) === true;
    if (!isKnown) return undefined;
    return own === undefined ? 'vmlinux' : module;
  }

  private btf(where: string): Promise<Buffer | undefined> {
    let known = this.types.get(where);
    if (known === undefined) {
      known = readWhole(`${BTF}/${where}`).catch(() => undefined);
      this.types.set(where, known);
    }
    return known;
  }

  /** Only where BTF does not tell: the list is long. */
  private async isSymbol(name: string): Promise<boolean> {
    this.symbols ??= readFile('/proc/kallsyms', 'latin1').catch(() => '');
    return new RegExp(`^\\S+ [tT] ${name}(?:\\s|$)`, 'm').test(await this.symbols);
  }
}
