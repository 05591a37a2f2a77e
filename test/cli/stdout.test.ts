import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { LineSink } from '../../src/cli/stdout.ts';

const failing = (code: string): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) =>
      done(Object.assign(new Error(`${code}: no space left on device, write`), { code })),
  });

describe('lines to stdout', () => {
  it('come out whole and in order', async () => {
    const stream = new PassThrough();
    const sink = new LineSink(stream);
    const all = text(stream);
    for (let i = 0; i < 1_000; i++) sink.line(`line ${i}`);
    await sink.drained();
    stream.end();
    expect((await all).split('\n')).toHaveLength(1_001);
    expect(sink.leftOut).toBe(0);
  });

  it.each(['EPIPE', 'EIO'])('%s is the reader’s leaving, no error', async (code) => {
    const sink = new LineSink(failing(code));
    sink.line('x');
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.closed.aborted).toBe(true);
    sink.line('y');
    await sink.keepUp();
    await sink.drained();
  });

  it('anything else is one', async () => {
    const sink = new LineSink(failing('ENOSPC'));
    sink.line('x');
    await expect(sink.drained()).rejects.toMatchObject({
      status: 1,
      message: 'stdout cannot be written: no space left on device',
    });
  });

  it('that nobody takes are held up to a bound, then counted', () => {
    const sink = new LineSink(new Writable({ write: () => undefined }));
    const line = 'x'.repeat(1024 * 1024 - 1);
    for (let i = 0; i < 100; i++) sink.line(line);
    expect(sink.leftOut).toBe(100 - 65);
  });

  it('let a source that can wait wait for the reader', async () => {
    const stream = new PassThrough({ highWaterMark: 10 });
    const sink = new LineSink(stream);
    await sink.keepUp();
    sink.line('more than ten bytes');
    let waited = false;
    const kept = sink.keepUp().then(() => {
      waited = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(waited).toBe(false);
    stream.resume();
    await kept;
    expect(waited).toBe(true);
  });
});
