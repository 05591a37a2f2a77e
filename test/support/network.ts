import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** Namespaces for one test, named so that nothing else on the machine is meant; `down` leaves none. */
export class TestNetwork {
  readonly #prefix = `nt${process.pid}-${counter++}-`;
  readonly #names = new Set<string>();
  readonly #children: ReturnType<typeof start>[] = [];

  name(short: string): string {
    return `${this.#prefix}${short}`;
  }

  inum(short: string): number {
    return statSync(`/run/netns/${this.name(short)}`).ino;
  }

  async add(...shorts: string[]): Promise<void> {
    for (const short of shorts) {
      this.#names.add(short);
      await execa('ip', ['netns', 'add', this.name(short)]);
      await this.ip(short, 'link set lo up');
    }
  }

  /** A veth pair, `device` in each, up, with an address where one is given. */
  async join(
    [a, deviceA, addressA]: readonly [string, string, string?],
    [b, deviceB, addressB]: readonly [string, string, string?],
  ): Promise<void> {
    const [netnsA, netnsB] = [this.name(a), this.name(b)];
    await execa('ip', [
      'link',
      'add',
      deviceA,
      'netns',
      netnsA,
      'type',
      'veth',
      'peer',
      'name',
      deviceB,
      'netns',
      netnsB,
    ]);
    for (const [short, device, address] of [
      [a, deviceA, addressA],
      [b, deviceB, addressB],
    ] as const) {
      if (address !== undefined) await this.ip(short, `addr add ${address} dev ${device} nodad`);
      await this.ip(short, `link set ${device} up`);
    }
  }

  async ip(short: string, words: string): Promise<void> {
    await execa('ip', ['-n', this.name(short), ...words.split(' ')]);
  }

  async exec(short: string, command: string, args: readonly string[] = [], input = ''): Promise<string> {
    const { stdout } = await execa('ip', ['netns', 'exec', this.name(short), command, ...args], { input });
    return stdout;
  }

  /** A process that stays until `down`. */
  spawn(short: string, command: string, args: readonly string[] = []): number | undefined {
    const child = start([`--net=/run/netns/${this.name(short)}`, command, ...args]);
    this.#children.push(child);
    return child.pid;
  }

  /** A server that stays until `down`; resolves once it listens. */
  async listen(
    short: string,
    protocol: 'tcp' | 'udp',
    port: number,
    manner: 'echo' | 'hang-up' = 'echo',
  ): Promise<void> {
    this.spawn(short, 'python3', [LISTEN, protocol, String(port), manner]);
    await this.listening(short, port, protocol);
  }

  /** Resolves once something does. */
  async listening(short: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<void> {
    const sockets = protocol === 'tcp' ? '-Hltn' : '-Hlun';
    await until(async () =>
      (await this.exec(short, 'ss', [sockets])).includes(`:${String(port)} `) ? true : undefined,
    );
  }

  async remove(short: string): Promise<void> {
    this.#names.delete(short);
    await execa('ip', ['netns', 'del', this.name(short)]);
  }

  async down(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(this.#children);
    for (const short of [...this.#names]) await this.remove(short);
  }
}

const LISTEN = fileURLToPath(new URL('listen.py', import.meta.url));

const start = (args: readonly string[]) => execa('nsenter', args, { reject: false, stdio: 'ignore' });

let counter = 0;

/** Ids of our own children in a namespace; other programs may watch it too. */
export function childrenIn(inum: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return (
          pid > 0 && readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inum}]` && parentOf(pid) === process.pid
        );
      } catch {
        return false;
      }
    });
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Waits until something holds, asking every 20 ms. */
export async function until<T>(ask: () => T | undefined | Promise<T | undefined>, ms = 10_000): Promise<T> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${ms} ms: ${ask.toString()}`);
}
