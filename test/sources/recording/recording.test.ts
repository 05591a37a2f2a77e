import { execa, execaSync } from 'execa';
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailedError, UsageError } from '../../../src/events/errors.ts';
import type { UserError } from '../../../src/events/errors.ts';
import type { Event, NameEvent } from '../../../src/events/event.ts';
import { machineOf } from '../../../src/events/netns.ts';
import type { RecordingHeader } from '../../../src/events/recording.ts';
import { RecordingWriter } from '../../../src/outputs/recording.ts';
import { RecordingSource } from '../../../src/sources/recording/source.ts';
import { header, stream } from '../../support/stream.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-recording-'));
  file = join(folder, 'a.nathop');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(path: string, events: Iterable<Event>, head: RecordingHeader = header()): void {
  const writer = new RecordingWriter(path, { force: false, failed: throwIt });
  writer.begin(head);
  for (const event of events) writer.write(event);
  writer.close();
}

function throwIt(error: UserError): never {
  throw error;
}

interface Read {
  events: Event[];
  notes: string[];
  error?: unknown;
}

async function read(...paths: string[]): Promise<Read> {
  const events: Event[] = [];
  const notes: string[] = [];
  const source = await RecordingSource.open(paths, { speed: 0, note: (text) => notes.push(text) });
  await source.start((event) => events.push(event));
  const error = await source.done;
  return { events, notes, ...(error && { error }) };
}

const unpacked = (path: string): Uint8Array =>
  execaSync('zcat', [path], { encoding: 'buffer', stripFinalNewline: false }).stdout;

const textLines = (...lines: unknown[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

describe('a recording', () => {
  it('gives back every event in its place, names of the header first', async () => {
    const events = [...stream(200)];
    const names = events.filter((event): event is NameEvent => event.kind === 'netns');
    write(
      file,
      events.filter((event) => event.kind !== 'netns'),
      header({ names }),
    );
    expect(await read(file)).toEqual({ events, notes: [] });
  });

  it('is for its owner alone, and text inside', () => {
    write(file, stream(3));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { stdout } = execaSync('zcat', [file]);
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ format: 'nathop-recording', version: 1, node: 'node-a' });
    expect(lines.at(-1)?.['kind']).toBe('end');
  });

  it('can be read unpacked', async () => {
    write(file, stream(20));
    const plain = join(folder, 'plain.nathop');
    writeFileSync(plain, unpacked(file));
    expect(await read(plain)).toEqual(await read(file));
  });

  it('can be read from a pipe, packed or not', async () => {
    write(file, stream(200));
    const expected = await read(file);
    const pipe = join(folder, 'pipe');
    execaSync('mkfifo', [pipe]);
    for (const unpack of ['cat', 'zcat']) {
      const feeding = execa(unpack, [file], { stdout: { file: pipe } });
      expect(await read(pipe)).toEqual(expected);
      await feeding;
    }
  });

  it('replaces a file only when told, keeps it secret, and follows no link', () => {
    writeFileSync(file, 'mine', { mode: 0o644 });
    expect(() => {
      write(file, []);
    }).toThrow(UsageError);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const writer = new RecordingWriter(file, { force: true, failed: throwIt });
    writer.begin(header());
    writer.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const link = join(folder, 'link');
    symlinkSync(file, link);
    const refuse = (path: string) => () => new RecordingWriter(path, { force: true, failed: throwIt });
    expect(refuse(link)).toThrow(UsageError);
    expect(refuse('/dev/full')).toThrow(/not a regular file/);
    expect(refuse(join(folder, 'no/where'))).toThrow(/cannot be written: no such file or directory/);
  });
});

describe('a torn tail', () => {
  it('loses the tail alone, wherever it is cut, and is said', async () => {
    // Several members, as a flush a second makes them.
    const all = [...stream(40)];
    const lines = [header(), ...all].map((line) => `${JSON.stringify(line)}\n`);
    const members: Buffer[] = [];
    for (let i = 0; i < lines.length; i += 30) members.push(gzipSync(lines.slice(i, i + 30).join('')));
    const whole = Buffer.concat(members);
    const ends = members.map((_, i) => Buffer.concat(members.slice(0, i + 1)).length);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: ends[0] ?? 0, max: whole.length }), async (cut) => {
        writeFileSync(file, whole.subarray(0, cut));
        const { events, notes, error } = await read(file);
        expect(error).toBeUndefined();
        expect(events).toEqual(all.slice(0, events.length));
        expect(notes).toEqual([expect.stringContaining('is cut off')]);
        const members = ends.filter((end) => end <= cut).length;
        expect(events.length).toBeGreaterThanOrEqual(Math.min(members * 30 - 1, all.length));
      }),
      { numRuns: 60 },
    );
  });

  it('of plain text loses half a line', async () => {
    const text = textLines(header(), ...stream(5));
    writeFileSync(file, text.slice(0, -20));
    const { events, notes } = await read(file);
    expect(events).toEqual([...stream(5)].slice(0, -1));
    expect(notes).toEqual([`${file} is cut off: what came last is missing`]);
  });

  it('is what damage in the middle amounts to', async () => {
    write(file, stream(500));
    const bytes = readFileSync(file);
    const middle = Math.floor(bytes.length / 2);
    bytes.fill(0x55, middle, middle + 50);
    writeFileSync(file, bytes);
    const { events, notes, error } = await read(file);
    expect(error).toBeUndefined();
    expect(events.length).toBeLessThan([...stream(500)].length);
    expect(notes.at(-1)).toContain('is cut off (');
  });
});

describe('what is not a recording of ours', () => {
  it.each([
    ['text', 'hello\n', /not a nathop recording/],
    ['nothing', '', /not a nathop recording/],
    ['other JSON', '{"format":"pcap"}\n', /not a nathop recording/],
    ['an array', '[]\n', /not a nathop recording/],
    ['a newer version', textLines({ ...header(), version: 2 }), /version 2; this nathop reads version 1/],
    ['a damaged header', textLines({ ...header(), clocks: 1 }), /header is damaged: clocks/],
    ['binary', Buffer.alloc(100_000, 7), /not a nathop recording/],
    ['packed text', gzipSync('hello\n'), /not a nathop recording/],
    ['half a header', gzipSync(JSON.stringify(header())).subarray(0, 60), /cannot be read: unexpected end/],
  ])('%s', async (_what, content, wrong) => {
    writeFileSync(file, content);
    const error: unknown = await read(file).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FailedError);
    expect((error as FailedError).message).toMatch(wrong);
    expect((error as FailedError).message).not.toContain('\n');
  });

  it('a folder, or nothing at all', async () => {
    await expect(read(folder)).rejects.toThrow(/cannot be read: illegal operation on a directory/);
    await expect(read(join(folder, 'gone'))).rejects.toThrow(/cannot be read: no such file or directory/);
  });

  it('zstd is read or named, as the runtime allows', async () => {
    write(file, stream(3));
    const input = unpacked(file);
    const packed = execaSync('zstd', ['-c'], { input, encoding: 'buffer', reject: false });
    const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    writeFileSync(file, packed.failed ? magic : packed.stdout);
    const result = await read(file).catch((e: unknown) => e);
    if (result instanceof Error) expect(result.message).toContain('zstd');
    else expect(result).toEqual({ events: [...stream(3)], notes: [] });
  });
});

describe('lines that cannot be used', () => {
  const good = { kind: 'tick', at: 5 };
  const hostileAddress = {
    kind: 'retransmit',
    at: 1,
    netns: 1,
    tuple: { protocol: 'tcp', src: '\u001b[2J', dst: '10.0.0.1', sport: 1, dport: 2 },
  };
  it.each([
    ['not JSON', '{"kind":"tick"', /line 2: not JSON; skipped/],
    ['another kind', '{"kind":"guess","at":1}', /line 2: kind/],
    ['a wrong type', '{"kind":"tick","at":"1"}', /line 2: at: /],
    ['a negative time', '{"kind":"tick","at":-1}', /line 2: at: /],
    ['an address that is none', JSON.stringify(hostileAddress), /line 2: tuple.src: not an address/],
    ['too much of one', `{"kind":"tick","at":1,"x":"${'x'.repeat(1024 * 1024)}"}`, /line 2: too long/],
  ])('%s', async (_what, line, note) => {
    writeFileSync(
      file,
      `${textLines(header())}${line}\n${line}\n${textLines(good, { kind: 'end', events: 1 })}`,
    );
    const { events, notes } = await read(file);
    expect(events).toEqual([good]);
    expect(notes).toEqual([expect.stringMatching(note), `${file}: 2 lines skipped in all`]);
  });

  it('a rule set may be long', async () => {
    const rules = { kind: 'rules', at: 1, netns: 1, syntax: 'iptables', text: 'x\n'.repeat(2_000_000) };
    writeFileSync(file, textLines(header(), rules, { kind: 'end', events: 1 }));
    expect(await read(file)).toEqual({ events: [rules], notes: [] });
  });

  it('never throw, whatever stands there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json())), async (lines) => {
        writeFileSync(file, `${textLines(header())}${lines.join('\n')}`);
        expect((await read(file)).error).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it('names are cleaned as they are read', async () => {
    const hostile = 'a\u001b]0;owned\u0007b\u202e';
    const netns = { kind: 'netns', at: 1, netns: 1, name: hostile, role: 'pod', links: [], listeners: [] };
    writeFileSync(file, textLines(header(), netns, { kind: 'end', events: 1 }));
    expect((await read(file)).events).toEqual([{ ...netns, name: 'a·]0;owned·b·' }]);
  });
});

describe('several recordings', () => {
  const other = header({ node: 'node-b', boot: 'another' });

  it('are merged in the order of time, machines told apart', async () => {
    const second = join(folder, 'b.nathop');
    write(file, stream(50));
    write(second, stream(50), other);
    const { events, notes } = await read(file, second);
    expect(notes).toEqual([]);
    const clocks = events.filter(({ kind }) => kind === 'clock');
    expect(clocks).toMatchObject([
      { machine: 0, by: 'wall' },
      { machine: 1, node: 'node-b', by: 'packets' },
    ]);
    expect(events).toHaveLength(clocks.length + 2 * [...stream(50)].length);
    expect(events.every((event, i) => event.at >= (events[i - 1]?.at ?? 0))).toBe(true);
    const machines = new Set(events.flatMap((event) => ('netns' in event ? machineOf(event.netns) : [])));
    expect([...machines]).toEqual([0, 1]);
    const skbs = (of: Iterable<Event>): number[] =>
      [...of].flatMap((event) => (event.kind === 'packet' ? event.skb : []));
    expect(skbs(events).every(Number.isSafeInteger)).toBe(true);
    expect(new Set(skbs(events)).size).toBe(2 * new Set(skbs(stream(50))).size);
  });

  it('whose clocks started apart are brought to that of the oldest', async () => {
    const second = join(folder, 'b.nathop');
    write(file, [{ kind: 'tick', at: 2_000_000_000 }]);
    // The same wall time at nine seconds more on its clock.
    write(second, [{ kind: 'tick', at: 11_500_000_000 }], {
      ...other,
      clocks: { ...other.clocks, monotonicNs: other.clocks.monotonicNs + 9_000_000_000 },
    });
    const { events } = await read(file, second);
    expect(events).toMatchObject([
      { kind: 'clock', by: 'wall' },
      { kind: 'clock', by: 'wall' },
      { kind: 'tick', at: 11_000_000_000 },
      { kind: 'tick', at: 11_500_000_000 },
    ]);
  });

  it('of one machine share its clock and its namespaces', async () => {
    const second = join(folder, 'b.nathop');
    write(file, [{ kind: 'netns-gone', at: 5, netns: 7 }]);
    const drifted = { monotonicNs: 1_000_000_000, wallNs: '1767322984500000000' };
    write(second, [{ kind: 'netns-gone', at: 6, netns: 7 }], header({ clocks: drifted }));
    const { events } = await read(file, second);
    expect(events).toEqual([
      { kind: 'netns-gone', at: 5, netns: 7 },
      { kind: 'netns-gone', at: 6, netns: 7 },
    ]);
  });
});

it('a full disk ends the recording with one line and leaves it readable', async () => {
  // A file system of 256 KiB in a mount namespace of its own; what was written there comes out on stdout.
  const fill = join(folder, 'fill.mts');
  const here = new URL('../../..', import.meta.url).pathname;
  writeFileSync(
    fill,
    `import { readFileSync } from 'node:fs';
     import { RecordingWriter } from '${here}src/outputs/recording.ts';
     import { header, stream } from '${here}test/support/stream.ts';
     const failed = (error) => console.error(error.message);
     const path = process.argv[2];
     const writer = new RecordingWriter(path, { force: false, failed });
     writer.begin(header());
     for (const event of stream(40_000)) writer.write(event);
     writer.close();
     process.stdout.write(readFileSync(path));`,
  );
  const small = join(folder, 'small');
  const script =
    'mkdir "$1"; mount -t tmpfs -o size=256k tmpfs "$1"; node_modules/.bin/tsx "$2" "$1/a.nathop"';
  const { stderr, stdout } = execaSync('unshare', ['--mount', 'sh', '-ec', script, 'sh', small, fill], {
    cwd: here,
    encoding: 'buffer',
  });
  expect(Buffer.from(stderr).toString().trim()).toBe(
    `the recording ${small}/a.nathop ends here: no space left on device`,
  );
  writeFileSync(file, stdout);
  const { events, notes, error } = await read(file);
  expect(error).toBeUndefined();
  expect(events.length).toBeGreaterThan(1_000);
  expect(events).toEqual([...stream(40_000)].slice(0, events.length));
  expect(notes).toEqual([`${file} is cut off: what came last is missing`]);
}, 60_000);
