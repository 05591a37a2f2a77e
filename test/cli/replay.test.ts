import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outputOf } from '../../src/cli/globals.ts';
import { print } from '../../src/cli/print.ts';
import { Recorder } from '../../src/cli/recorder.ts';
import { LineSink } from '../../src/cli/stdout.ts';
import type { Event } from '../../src/events/event.ts';
import { wallOffset } from '../../src/events/recording.ts';
import { requestSchema } from '../../src/outputs/schema.ts';
import type { Source } from '../../src/sources/source.ts';
import { filterOf } from '../../src/trace/filter/filter.ts';
import { nathop, nathopProcess } from '../support/cli.ts';
import { header, stream } from '../support/stream.ts';

let folder: string;
let file: string;
const live: Record<string, string> = {};
const OUTPUTS = ['text', 'wide', 'json'] as const;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-replay-'));
  for (const output of OUTPUTS) {
    file = join(folder, `${output}.nathop`);
    live[output] = await recordLive(file, output);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** As `record` does it, with events that were made up. */
async function recordLive(path: string, how: (typeof OUTPUTS)[number]): Promise<string> {
  const stdout = new PassThrough({ highWaterMark: 1 << 24 });
  const { format: _f, version: _v, probes: _p, names: _n, ...facts } = header();
  const failed = (error: Error): never => {
    throw error;
  };
  const recorder = new Recorder({ path, force: false, facts, failed });
  const globals = { output: how, color: 'never', quiet: true, verbose: false } as const;
  await print({
    source: madeUp(stream(300)),
    wallOffset: wallOffset(header()),
    maxConnections: 100_000,
    filter: filterOf({}),
    notes: { progress: () => undefined, detail: () => undefined, say: () => undefined },
    sink: new LineSink(stdout),
    output: outputOf(globals, stdout as unknown as NodeJS.WriteStream, {}),
    recorder,
  });
  recorder.close();
  stdout.end();
  return text(stdout);
}

function madeUp(events: Iterable<Event>): Source {
  let end: (error: undefined) => void = () => undefined;
  return {
    done: new Promise((resolve) => (end = resolve)),
    start: (emit) => {
      for (const event of events) emit(event);
      end(undefined);
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  };
}

const lines = (output: string): string[] => output.split('\n').slice(0, -1);

describe.each(OUTPUTS)('replay -o %s', (how) => {
  it('prints byte for byte what was printed live', async () => {
    const { status, stdout } = await nathop(['replay', join(folder, `${how}.nathop`), '-o', how]);
    expect(status).toBe(0);
    expect(lines(stdout).length).toBeGreaterThanOrEqual(300);
    expect(stdout).toBe(live[how]);
  });
});

describe('replay', () => {
  const replay = (...args: string[]) => nathop(['replay', file, '-o', 'json', ...args]);

  it('prints the schema’s objects, in UTC', async () => {
    const [first = ''] = lines((await replay('-c', '1')).stdout);
    expect(requestSchema.safeParse(JSON.parse(first)).error).toBeUndefined();
    expect(JSON.parse(first)).toMatchObject({
      startedAt: '2026-01-02T03:03:05.000000Z',
      client: { ip: '198.51.100.7', port: 10000 },
      dialled: { ip: '10.100.0.2', port: 32213 },
      server: { ip: '10.0.1.2', port: 8080 },
      sourceSeenByServer: { ip: '10.0.1.1', port: 10000 },
    });
  });

  it('sums up on stderr: finished, open, lost', async () => {
    const { stderr, stdout } = await replay();
    const open = lines(stdout).filter((line) => /"state":"(open|established)"/.test(line)).length;
    expect(open).toBeGreaterThan(0);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(
      `nathop: ${300 - open} requests, ${open} open, 2 events lost`,
    );
    expect((await replay('--quiet')).stderr).toBe('');
  });

  it('stops after -c', async () => {
    const { stdout, stderr } = await replay('-c', '7');
    expect(lines(stdout)).toHaveLength(7);
    expect(stderr).toContain('7 requests, 0 open');
  });

  it('filters before and after the rewrite alike', async () => {
    const of = async (...args: string[]) => lines((await replay(...args)).stdout).length;
    expect(await of('--ip', '198.51.100.7')).toBe(300);
    expect(await of('--ip', '10.0.1.1')).toBe(300);
    expect(await of('--port', '10005')).toBe(1);
    expect(await of('--port', '10005,10006', '--port', '10007')).toBe(3);
    expect(await of('--ip', '10.9.0.0/16')).toBe(0);
    const closed = await of('--state', 'closed');
    expect(closed).toBeGreaterThan(0);
    expect(await of('--state', '!closed')).toBe(300 - closed);
    expect(await of('--nat', 'masquerade', '--verdict', 'lost')).toBe(300);
    expect(await of('--pod', 'default/web-0')).toBe(300);
  });

  it('takes global flags before the verb too', async () => {
    const { stdout } = await nathop(['-o', 'json', 'replay', file]);
    expect(stdout).toBe(live['json']);
  });

  it('colours when told, whatever stdout is', async () => {
    const colour = '\u001b[';
    expect((await nathop(['replay', file, '-c', '1'])).stdout).not.toContain(colour);
    expect((await nathop(['replay', file, '-c', '1', '--color', 'always'])).stdout).toContain(colour);
    const both = await nathop(['replay', file, '-c', '1', '--color', 'always'], { NO_COLOR: '1' });
    expect(both.stdout).toContain(colour);
  });

  it('says that a recording is cut off, and uses the rest', async () => {
    const torn = join(folder, 'torn.nathop');
    const bytes = readFileSync(file);
    writeFileSync(torn, bytes.subarray(0, bytes.length - 40));
    const { status, stderr } = await nathop(['replay', torn]);
    expect(status).toBe(0);
    expect(stderr).toContain('is cut off');
  });

  it('merges the recordings of several nodes', async () => {
    const other = join(folder, 'other.nathop');
    const failed = (): void => undefined;
    const { format: _f, version: _v, probes: _p, names: _n, ...facts } = header({ boot: 'other', node: 'b' });
    const recorder = new Recorder({ path: other, force: false, facts, failed });
    for (const event of stream(100, 1000)) recorder.take(event);
    recorder.close();
    const { status, stdout } = await replay(other);
    expect(status).toBe(0);
    expect(new Set(lines(stdout).map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(400);
  });

  it('ends silently when its reader has enough', async () => {
    const child = nathopProcess(['replay', file, '-o', 'json', '--quiet']);
    child.stdout.once('data', () => child.stdout.destroy());
    const { exitCode, stderr } = await child;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  }, 20_000);
});

describe('explain', () => {
  it('tells each matching request of a recording', async () => {
    const { status, stdout, stderr } = await nathop(['explain', file, '--port', '10005,10006']);
    expect(status).toBe(0);
    expect(stdout.match(/^── /gm)).toHaveLength(2);
    expect(stdout).toContain("THE CLIENT'S ADDRESS: lost on the way");
    for (const line of lines(stdout)) expect(line.length).toBeLessThanOrEqual(80);
    expect(stderr).toContain('2 requests');
  });

  it('puts the story beside the request in JSON, as the schema has it', async () => {
    const { stdout } = await nathop(['explain', file, '-o', 'json', '-c', '1']);
    const { story, ...request } = JSON.parse(stdout) as { story: string[] };
    expect(story[0]).toContain('198.51.100.7:10000');
    expect(requestSchema.safeParse(request).error).toBeUndefined();
  });
});
