/** However and whenever nathop ends, or what it needs ends under it: nothing of it remains. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traced } from '../support/live.ts';
import { marked } from '../support/marked.ts';
import { Nathop, runNathop } from '../support/nathop.ts';
import { TestNetwork, until } from '../support/network.ts';

const tracing = await traced();

/** Milliseconds after the start; attaching takes about a second, the last ones find it tracing. */
const MOMENTS = [40, 120, 200, 300, 400, 500, 650, 800, 1000, 1300] as const;

tracing('ending', () => {
  const network = new TestNetwork();
  let nathop: Nathop | undefined;
  let mounts: string[];

  beforeAll(async () => {
    // A namespace with rules is watched by a process of its own.
    await network.add('node');
    await network.exec('node', 'iptables', ['-t', 'nat', '-A', 'PREROUTING', '-j', 'ACCEPT']);
    mounts = mountsHere();
  });
  afterAll(() => network.down());
  afterEach(() => nathop?.remove());

  /** With its recording in its folder, and a mark on all its processes. */
  function start(): { nathop: Nathop; file: string; mark: string } {
    const mark = randomUUID();
    nathop = new Nathop((folder) => ['record', join(folder, 'a.nathop'), '-q'], { NATHOP_TEST: mark });
    return { nathop, file: join(nathop.folder, 'a.nathop'), mark };
  }

  async function expectNothingLeft(mark: string): Promise<void> {
    await until(() => (marked(mark).length === 0 ? true : undefined), 3_000).catch(() => undefined);
    expect(marked(mark)).toEqual([]);
    expect(mountsHere()).toEqual(mounts);
  }

  describe('by SIGKILL', () => {
    it.each(MOMENTS)('after %i ms leaves no process and no mount', async (ms) => {
      const { nathop, file, mark } = start();
      await sleep(ms);
      nathop.send('SIGKILL');
      await nathop.ended;
      await expectNothingLeft(mark);
      if (existsSync(file)) await expectReadable(file);
    });
  });

  describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('by %s', (signal) => {
    it.each(MOMENTS.filter((_, index) => index % 2 === 1))(
      'after %i ms leaves no process, no mount and no ready file',
      async (ms) => {
        const { nathop, file, mark } = start();
        await sleep(ms);
        nathop.send(signal);
        const ended = await nathop.ended;
        // Before nathop itself runs, the signal ends Node as it ends any process.
        expect(ended.signal ?? ended.status).toBe(ended.signal === undefined ? 0 : signal);
        expect(ended.stderr).toBe('');
        await expectNothingLeft(mark);
        expect(existsSync(nathop.readyFile)).toBe(false);
        if (existsSync(file)) expect((await runNathop(['replay', file])).stderr).not.toContain('cut off');
      },
    );
  });

  it('by Ctrl-C, which all of its process group is sent, is in good order', async () => {
    const { nathop, file, mark } = start();
    await nathop.ready();
    nathop.sendToGroup('SIGINT');
    expect(await nathop.ended).toMatchObject({ status: 0, stderr: '' });
    await expectNothingLeft(mark);
    expect(existsSync(nathop.readyFile)).toBe(false);
    expect((await runNathop(['replay', file])).stderr).not.toContain('cut off');
  });

  it('by a second signal does not wait, and leaves nothing either', async () => {
    const { nathop, mark } = start();
    await nathop.ready();
    nathop.send('SIGINT');
    nathop.send('SIGTERM');
    await nathop.ended;
    await expectNothingLeft(mark);
    expect(existsSync(nathop.readyFile)).toBe(false);
  });

  it.each([0, 50, 200, 400])(
    'by the death of bpftrace %i ms after it was started is told, with what to do',
    async (ms) => {
      const { nathop, mark } = start();
      const pid = await until(
        () => marked(mark).find(({ command }) => command.startsWith('bpftrace -B'))?.pid,
      );
      await sleep(ms);
      process.kill(pid, 'SIGKILL');
      const { status, stderr } = await nathop.ended;
      // While it starts this machine could not be traced; later it broke off.
      expect([1, 3]).toContain(status);
      expect(stderr).toMatch(/^nathop: .*bpftrace ended (before it attached|by SIGKILL).*\n {8}\S/m);
      await expectNothingLeft(mark);
    },
  );

  it('is not forced by the death of what holds the private mount: bpftrace is in', async () => {
    const { nathop, mark } = start();
    await nathop.ready();
    const holder = marked(mark).find(({ command }) => command.startsWith('sleep'));
    // Where tracefs is mounted for all there is none.
    if (holder !== undefined) process.kill(holder.pid, 'SIGKILL');
    await sleep(300);
    expect(await nathop.end()).toMatchObject({ status: 0 });
    await expectNothingLeft(mark);
  });

  it('of namespaces while they are read goes by without a word', async () => {
    const shorts = Array.from({ length: 12 }, (_, i) => `gone${i}`);
    await network.add(...shorts);
    for (const short of shorts) await network.exec(short, 'nft', ['add', 'table', 'ip', 'nat']);
    const { nathop, mark } = start();
    for (const short of shorts) {
      await sleep(80);
      await network.remove(short);
    }
    await nathop.ready();
    expect(await nathop.end()).toMatchObject({ status: 0, stderr: '' });
    await expectNothingLeft(mark);
    expect(readdirSync('/run/netns').filter((name) => shorts.includes(name))).toEqual([]);
  });
});

/** A recording may end anywhere, and may not have begun; what there is of it is used, and its end is told. */
async function expectReadable(file: string): Promise<void> {
  const { status, stderr } = await runNathop(['replay', '-o', 'json', file]);
  if (status === 0) expect(stderr).toContain('is cut off');
  else expect(stderr).toMatch(/is not a nathop recording|is empty/);
}

/** Other tests' namespaces come and go. */
const mountsHere = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => !line.includes(' - nsfs '));
