import { afterEach, describe, expect, it } from 'vitest';
import { Session, type Options } from './pty.ts';

const sessions: Session[] = [];

async function open(options: Options = {}): Promise<Session> {
  const session = new Session(options);
  sessions.push(session);
  await session.until(/nathop {2}node-a/);
  return session;
}

afterEach(() => {
  for (const session of sessions.splice(0)) session.end();
});

const UP = '\x1b[A';
const ENTER = '\r';
const ESCAPE = '\x1b';

describe('in a terminal', { timeout: 90_000 }, () => {
  it('shows the list, opens a request, scrolls and goes back', async () => {
    const session = await open();
    await session.until(/15 requests .* following/);
    session.type('g');
    await session.until(/time ↑ {2}1\/15/);
    session.type('j');
    session.type(ENTER);
    await session.until(/── 198\.51\.100\.7:32769 → default\/web:http/);
    session.type('G');
    await session.until(/WAY BACK/);
    session.type(ESCAPE);
    await session.until(/Enter detail/);
    session.type('q');
    expect((await session.exited).exitCode).toBe(0);
  });

  it('takes keys that arrive together, one by one', async () => {
    const session = await open();
    await session.until(/following/);
    session.type(`gjjj${UP}${UP}`);
    await session.until(/time ↑ {2}2\/15/);
    session.type('/refused\rjq');
    expect((await session.exited).exitCode).toBe(0);
  });

  it('filters as one types, shows what is wrong with a filter, and goes back', async () => {
    const session = await open();
    await session.until(/15 requests/);
    session.type('/--state reje');
    await session.until(/✗ state.*reje/);
    session.type('cted');
    await session.until(/1 of 15 requests/);
    session.type(ENTER);
    await session.until(/1 of 15 requests · filter --state rejected/);
    session.type('/\x15port=http');
    await session.until(/✗ port/);
    session.type(ENTER);
    await session.until(/✗ port/);
    session.type(ESCAPE);
    await session.until(/1 of 15 requests · filter --state rejected/);
    session.type(ESCAPE);
    await session.until((screen) => screen.includes(' 15 requests') && !screen.includes('filter --'));
  });

  it('holds still while it is paused', async () => {
    const session = await open({ args: ['50', '200'] });
    await session.until(/following/);
    session.type(' ');
    const held = await session.until(/PAUSED, \d+ waiting/);
    const story = (screen: string): string => screen.split('\n').slice(1, -2).join('\n');
    const later = await session.until((screen) => (/PAUSED, (\d+)/.exec(screen)?.[1] ?? '0').length >= 3);
    expect(story(later)).toBe(story(held));
    session.type('p');
    await session.until((screen) => !screen.includes('PAUSED') && story(screen) !== story(held));
  });

  it('sorts, shows only failures, and helps', async () => {
    const session = await open();
    await session.until(/15 requests/);
    session.type('s');
    await session.until(/duration ↑/);
    session.type('S');
    await session.until(/duration ↓/);
    session.type('F');
    await session.until(/5 of 15 requests · failures only/);
    session.type('?');
    await session.until(/KEYS/);
    session.type('G');
    await session.until(/THIS SESSION/);
    session.type('q');
    await session.until(/failures only/);
  });

  it('records to the file it is given, and says so', async () => {
    const session = await open();
    await session.until(/r record/);
    session.type('r');
    await session.until(/record to: nathop-20260102-030405\.nathop/);
    session.type('\x15/proc/x\r');
    await session.until(/\/proc\/x cannot be written: permission denied/);
    session.type('r\x15/var/tmp/a.nathop\r');
    await session.until(/● rec \/var\/tmp\/a\.nathop/);
    session.type('r');
    await session.until(/recorded 1,204 events/);
  });

  it('fits every size the terminal takes', async () => {
    const session = await open({ args: ['15', '0', 'missing'] });
    await session.until(/following/);
    session.type('g\r');
    await session.until(/── default/);
    for (const [columns, rows] of [
      [200, 50],
      [120, 40],
      [60, 16],
      [33, 9],
      [160, 24],
      [80, 24],
    ] as const) {
      session.resize(columns, rows);
      await session.until(() => {
        const lines = session.lines();
        const last = lines.findLastIndex((line) => line !== '');
        return (
          last === rows - 1 && (lines[0] ?? '').startsWith(' nathop') && (lines[last] ?? '').endsWith('quit')
        );
      });
      expect(session.lines().filter((line) => line.includes('12 lost')).length).toBe(1);
    }
  });

  it('draws nothing while nothing changes', async () => {
    const session = await open();
    await session.until(/following/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = session.raw.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(session.raw.length).toBe(before);
  });

  it('needs neither colour nor UTF-8', async () => {
    const session = await open({ env: { NO_COLOR: '1', LANG: 'C', LC_ALL: 'C' } });
    const screen = await session.until(/following/);
    expect(screen).toMatch(/\+ preserved/);
    expect(screen).toMatch(/^[\x20-\x7e\n]*$/);
    expect(session.raw).not.toMatch(/\x1b\[(3|4|9|10)\dm/);
  });
});

describe('the terminal afterwards', { timeout: 90_000 }, () => {
  const endings: [string, (session: Session) => void, number, RegExp][] = [
    ['q', (session) => session.type('q'), 0, /ended by the user/],
    ['Ctrl-C', (session) => session.type('\x03'), 0, /ended by the user/],
    ['Ctrl-C while typing', (session) => session.type('/abc\x03'), 0, /ended by the user/],
    ['SIGTERM', (session) => session.signal('SIGTERM'), 1, /ended by SIGTERM/],
    ['SIGHUP', (session) => session.signal('SIGHUP'), 1, /ended by SIGHUP/],
    ['SIGINT', (session) => session.signal('SIGINT'), 1, /ended by SIGINT/],
    ['an error', (session) => session.signal('SIGUSR2'), 1, /Error: a crash for the test/],
  ];

  it.each(endings)('is given back after %s', async (_name, end, status, last) => {
    const session = await open({ args: ['15', '100', 'crash'] });
    await session.until(/following/);
    expect(session.onAlternateScreen).toBe(true);
    expect(session.cursorShown).toBe(false);
    end(session);
    const { exitCode } = await session.exited;
    await session.until(last);
    expect(exitCode).toBe(status);
    expect(session.onAlternateScreen).toBe(false);
    expect(session.cursorShown).toBe(true);
    expect(session.raw.lastIndexOf('\x1b[?7h')).toBeGreaterThan(session.raw.lastIndexOf('\x1b[?7l'));
  });

  it('is the shell’s while the view is stopped, and the view’s after fg', async () => {
    const session = await open({ shell: true });
    await session.until(/following/);
    session.type('\x1a');
    await session.until(/Stopped/);
    expect(session.onAlternateScreen).toBe(false);
    session.type('stty -a | grep -o " icanon"\r');
    await session.until(/^ icanon/m);
    session.type('fg\r');
    await session.until(/following/);
    expect(session.onAlternateScreen).toBe(true);
    session.type('g');
    await session.until(/time ↑ {2}1\/15/);
    session.type('q');
    await session.until(/ended by the user/);
    session.type('stty -a | grep -o " icanon"; exit\r');
    await session.until(/^ icanon/m);
    await session.exited;
  });
});

describe('without a terminal any more', { timeout: 90_000 }, () => {
  it('ends', async () => {
    const session = await open();
    await session.until(/following/);
    session.hangUp();
    await session.exited;
    expect(() => process.kill(session.pid, 0)).toThrow();
  });
});
