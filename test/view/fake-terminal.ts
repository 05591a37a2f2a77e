/** A terminal of any size without a terminal: what is written to it is kept, keys are put into it. */
import { Readable, Writable } from 'node:stream';

export interface FakeTerminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** All bytes written so far. */
  written(): string;
  bytes(): number;
}

export function fakeTerminal(columns: number, rows: number, keep = true): FakeTerminal {
  const chunks: string[] = [];
  let bytes = 0;
  const stdin = Object.assign(new Readable({ read: () => undefined }), {
    isTTY: true,
    setRawMode: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  });
  const stdout = Object.assign(
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        bytes += Buffer.byteLength(chunk);
        if (keep) chunks.push(chunk);
        done();
      },
    }),
    { isTTY: true, columns, rows },
  );
  return {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    type: (text) => void stdin.push(text),
    resize: (width, height) => {
      Object.assign(stdout, { columns: width, rows: height });
      stdout.emit('resize');
    },
    written: () => chunks.join(''),
    bytes: () => bytes,
  };
}
