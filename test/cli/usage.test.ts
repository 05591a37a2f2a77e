import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { parseDuration } from '../../src/cli/duration.ts';
import { nathop } from '../support/cli.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const VERBS = ['live', 'trace', 'record', 'replay', 'explain', 'doctor', 'schema', 'completion'];

describe('wrong usage ends with status 2, what is wrong and what to do', () => {
  it.each([
    [['trcae'], 'there is no verb trcae', 'did you mean trace?'],
    [['-o', 'json', 'relpay'], 'there is no verb', 'did you mean replay?'],
    [['trace', 'curl'], 'does not take curl', 'nathop trace -- curl'],
    [['trace', '--prot', 'tcp'], "unknown option '--prot'", 'did you mean --port?'],
    [['trace', '-o', 'xml'], 'Allowed choices are text, wide, json', '--help'],
    [['trace', '--for', 'soon'], '"soon" is not a time', 'nathop trace --help'],
    [['trace', '-c', '0'], 'It must be a number from 1', '--help'],
    [['trace', '--buffer-pages', '1000'], 'power of two', '--help'],
    [['trace', '--state', 'opne'], 'there is no "opne"', 'did you mean open?'],
    [['trace', '--ip', '10.0.0.300'], 'neither an address nor a CIDR', '10.0.0.0/8'],
    [['trace', '--'], 'no command stands after --', 'leave the -- out'],
    [['help', 'tarce'], 'there is no verb tarce', 'did you mean trace?'],
    [['compare', 'a', 'b'], 'there is no verb compare', 'there are: live'],
    [['replay'], "missing required argument 'file'", 'nathop replay --help'],
    [['diff', 'a'], "missing required argument 'after'", 'nathop diff --help'],
    [['replay', '--live', '--expect', 'state=closed', 'x'], '--live', 'leave'],
    [['record'], "missing required argument 'file'", 'nathop record --help'],
    [['record', ''], 'must not be empty', 'nathop record --help'],
    [['replay', 'x', ''], 'must not be empty', 'nathop replay --help'],
    [['trace', '--max-connections', '99999999'], 'a number up to 2000000', '--help'],
    [['trace', '--service', 'a/b/c'], '"a/b/c" is no name', 'service=default/web'],
    [['replay', '--live', 'x'], '--live needs a terminal', 'leave it out'],
    [['replay', '--speed', '-1', 'x'], 'It must be a number from 0', '--help'],
    [['explain', 'x', '--', 'curl'], 'a recording runs no command', 'leave out x'],
    [['trace', '--http-status', '999'], '"999" is not a status', '5xx'],
    [['explain', '--http-path', 'pings'], '"pings" is not a path', '/a/*'],
    [['completion', 'ksh'], 'Allowed choices are bash, zsh, fish', '--help'],
  ])('%j', async (args, wrong, mend) => {
    const { status, stdout, stderr } = await nathop(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const [first, second, ...rest] = stderr.split('\n');
    expect(first).toMatch(/^nathop: /);
    expect(first).toContain(wrong);
    expect(second).toContain(mend);
    expect(rest).toEqual(['']);
  });
});

const unable = spawnSync('bpftrace', ['-e', 'kfunc:vmlinux:inet_listen { } BEGIN { exit(); }']).status !== 0;

it.runIf(unable)('what this machine cannot trace by ends with status 3', async () => {
  const { status, stderr } = await nathop(['trace', '--probes', 'precise']);
  expect(status).toBe(3);
  expect(stderr).toMatch(/^nathop: [^\n]+\n +[^\n]+\n$/);
});

it('who is not root is told so, before anything is started', async () => {
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(65534);
  const { status, stderr } = await nathop(['trace']);
  geteuid.mockRestore();
  expect(status).toBe(3);
  expect(stderr).toMatch(/^nathop: tracing needs root\n {8}run it with sudo;/);
});

it.each([['schema'], ['--version'], ['--help']])('a full disk under `nathop %s` is said', (word) => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', MAIN, word], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^nathop: stdout cannot be written: no space left on device\n {8}.*\n$/);
});

it('a file that is not there ends with status 1', async () => {
  const { status, stderr } = await nathop(['replay', '/nowhere/x.nathop']);
  expect(status).toBe(1);
  expect(stderr).toBe(
    'nathop: /nowhere/x.nathop cannot be read: no such file or directory\n' +
      '        name a file that `nathop record` wrote\n',
  );
});

it('what stands in an error cannot steer the terminal', async () => {
  const { stderr } = await nathop(['replay', '/nowhere/\u001b[2J']);
  expect(stderr).not.toContain('\u001b');
});

describe('help', () => {
  it.each(VERBS)('of %s has examples', async (verb) => {
    const { status, stdout } = await nathop([verb, '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nExamples:\n {2}\S/);
    expect(stdout).not.toMatch(/.{131}/);
  });

  it('names every verb and every exit status', async () => {
    const { stdout } = await nathop(['--help']);
    for (const verb of VERBS) expect(stdout).toContain(`  ${verb}`);
    expect(stdout).toMatch(/0 done, 1 failed, 2 wrong usage, 3 this machine cannot trace/);
  });

  it('the version is the package’s', async () => {
    expect(await nathop(['--version'])).toEqual({ status: 0, stdout: '0.0.0\n', stderr: '' });
  });
});

it('schema prints the JSON schema', async () => {
  const { status, stdout } = await nathop(['schema']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ title: 'nathop request', type: 'object' });
});

it.each([
  ['500ms', 500],
  ['30', 30_000],
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['1h', 3_600_000],
])('%s is a time', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each(['', 's', '-1s', '0', '1d', '1e3', '9999h', '5 s'])('%j is no time', (text) => {
  expect(() => parseDuration(text)).toThrow(/is not a time/);
});
