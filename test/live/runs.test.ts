import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { live } from '../support/live.ts';
import { Nathop, runNathop } from '../support/nathop.ts';
import { TestNetwork, until } from '../support/network.ts';

/** Processes that a killed parent left, and children that it has, by name. */
function childrenOf(pid: number): { pid: number; comm: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [, comm = '', state, parent] = /\((.*)\) (\S) (\d+)/s.exec(stat) ?? [];
      return Number(parent) === pid && state !== 'Z' ? [{ pid: Number(name), comm }] : [];
    } catch {
      return [];
    }
  });
}

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
};

live('needs root and eBPF')('a run on this machine', () => {
  const network = new TestNetwork();
  let folder: string;
  let file: string;
  let running: Nathop | undefined;
  beforeAll(async () => {
    await network.add('client', 'server');
    await network.join(['client', 'eth0', '10.9.8.1/24'], ['server', 'eth0', '10.9.8.2/24']);
    await network.listen('server', 'tcp', 8080, 'hang-up');
  });
  afterAll(() => network.down());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nathop-runs-'));
    file = join(folder, 'a.nathop');
  });
  afterEach(async () => {
    await running?.remove();
    running = undefined;
    rmSync(folder, { recursive: true });
  });

  /** Whether the server can be reached. */
  const dials = (port: number): Promise<boolean> =>
    network.exec('client', 'bash', ['-c', `exec 3<>/dev/tcp/10.9.8.2/${String(port)} && cat <&3`]).then(
      () => true,
      () => false,
    );
  const dial = (): string[] => [
    ...['ip', 'netns', 'exec', network.name('client')],
    ...['bash', '-c', 'exec 3<>/dev/tcp/10.9.8.2/8080 && cat <&3'],
  ];
  const start = async (...args: string[]): Promise<Nathop> => {
    running = new Nathop(() => args);
    await running.ready();
    return running;
  };
  const requests = (stdout: string): Request[] =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Request);
  const ours = ['-o', 'json', '--to-ip', '10.9.8.2'];

  it('ends with the command after --, whose output is not ours', async () => {
    const { status, stdout, stderr } = await runNathop([
      'trace',
      ...ours,
      '--',
      ...['sh', '-c', 'echo from the command; "$@"', 'sh', ...dial()],
    ]);
    expect(status).toBe(0);
    expect(requests(stdout)).toMatchObject([
      { state: 'closed', dialled: { ip: '10.9.8.2', port: 8080 }, clientIp: { verdict: 'preserved' } },
    ]);
    expect(stderr).toContain('from the command');
    expect(stderr).toMatch(/1 request, 0 open, 0 events lost/);
  });

  it('a command that cannot be started is wrong usage', async () => {
    const { status, stderr } = await runNathop(['trace', '--', 'no-such-command']);
    expect(status).toBe(2);
    expect(stderr).toContain('the command no-such-command could not be started');
  });

  it('says that it is ready, stops after -c, and takes the sign away', async () => {
    const nathop = await start('trace', ...ours, '-c', '1');
    expect(readFileSync(nathop.readyFile, 'utf8')).toBe(`${String(nathop.pid)}\n`);
    await dials(8080);
    const { status, stdout } = await nathop.ended;
    expect(status).toBe(0);
    expect(requests(stdout)).toHaveLength(1);
    expect(existsSync(nathop.readyFile)).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends it well and prints what is open',
    async (signal) => {
      const nathop = await start('trace', ...ours);
      network.spawn('client', 'bash', ['-c', 'exec 3<>/dev/tcp/10.9.8.2/8080; sleep 30']);
      await sleep(1_000);
      nathop.send(signal);
      const { status, stdout, stderr } = await nathop.ended;
      expect(status).toBe(0);
      expect(requests(stdout)).toMatchObject([{ dialled: { ip: '10.9.8.2' } }]);
      expect(stderr).toMatch(/nathop: \d requests?, \d open, 0 events lost\n?$/);
      expect(existsSync(nathop.readyFile)).toBe(false);
    },
  );

  it('a signal while it starts ends it too', async () => {
    const nathop = new Nathop(() => ['trace']);
    running = nathop;
    await until(() => childrenOf(nathop.pid).find(({ comm }) => comm === 'bpftrace'));
    nathop.send('SIGINT');
    expect((await nathop.ended).status).toBe(0);
    expect(existsSync(nathop.readyFile)).toBe(false);
  });

  it.each([
    ['everything', [], ''],
    // What is wanted is not known yet, so all of it is there.
    ['with a filter', ours, '.partial'],
  ])(
    'killed while it records %s, it leaves nothing running and what can be replayed',
    async (_what, flags, suffix) => {
      const nathop = await start('record', file, '-o', 'json', ...flags);
      const children = childrenOf(nathop.pid);
      expect(children.map(({ comm }) => comm)).toContain('bpftrace');
      await dials(8080);
      // Once a second what has happened is written.
      await sleep(1_500);
      nathop.send('SIGKILL');
      await nathop.ended;
      await until(() => !children.some(({ pid }) => isAlive(pid)) || undefined);
      const { status, stdout, stderr } = await runNathop(['replay', `${file}${suffix}`, ...ours]);
      expect(stderr).toContain('is cut off');
      expect(status).toBe(0);
      expect(requests(stdout)).toHaveLength(1);
    },
  );

  it('bpftrace killed under it: says so, keeps what was seen, ends with status 1', async () => {
    const nathop = await start('record', file, ...ours);
    await dials(8080);
    await sleep(500);
    const bpftrace = childrenOf(nathop.pid).find(({ comm }) => comm === 'bpftrace');
    process.kill(bpftrace?.pid ?? 0, 'SIGKILL');
    const { status, stdout, stderr } = await nathop.ended;
    expect(status).toBe(1);
    expect(requests(stdout)).toHaveLength(1);
    expect(stderr).toContain('tracing broke off: bpftrace ended by SIGKILL');
    const replayed = await runNathop(['replay', file, ...ours]);
    expect(replayed.stdout).toBe(stdout);
  });

  it('a recording replays to what was printed while it was made', async () => {
    const { stdout } = await runNathop(['record', file, '-o', 'json', '--', ...dial()]);
    const replayed = await runNathop(['replay', file, '-o', 'json']);
    expect(replayed.stdout).toBe(stdout);
    expect(requests(stdout).some((request) => request.dialled.ip === '10.9.8.2')).toBe(true);
  });

  it('a namespace can be chosen by name, and a mistyped one is named', async () => {
    const { stdout } = await runNathop([
      ...['trace', ...ours, '--netns', network.name('server'), '--', ...dial()],
    ]);
    const places = requests(stdout).flatMap(({ hops, replyHops }) => [...hops, ...replyHops]);
    expect(new Set(places.map((hop) => hop.netns?.inum))).toEqual(new Set([network.inum('server')]));
    const wrong = await runNathop(['trace', '--netns', `${network.name('server')}x`]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain(`did you mean ${network.name('server')}?`);
  });
});
