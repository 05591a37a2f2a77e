/** One recording, checked as it is read; what cannot be used is counted and said, never guessed. */
import { stat } from 'node:fs/promises';
import type * as z from 'zod';
import { clean } from '../../events/clean.ts';
import { FailedError, UserError } from '../../events/errors.ts';
import type { Event } from '../../events/event.ts';
import { endSchema, headerSchema } from '../../events/recording-schema.ts';
import { FORMAT, VERSION } from '../../events/recording.ts';
import type { RecordingHeader } from '../../events/recording.ts';
import { eventSchema } from '../../events/schema.ts';
import { cannotRead, openBytes } from './bytes.ts';
import { LineSplitter } from './lines.ts';
import type { Line } from './lines.ts';

export class RecordingReader {
  readonly path: string;
  readonly header: RecordingHeader;
  private readonly lines: AsyncGenerator<Line[]>;
  private readonly note: (text: string) => void;
  private skipped = 0;
  private ended = false;
  private torn: string | undefined;

  /**
   * @param note told in one line what was passed by, and whether the tail is missing
   * @throws FailedError where it is no recording, or of a newer version
   */
  static async open(path: string, note: (text: string) => void): Promise<RecordingReader> {
    const lines = linesOf(path);
    const first = await lines.next().catch((error: unknown) => {
      throw error instanceof UserError ? error : cannotRead(path, error);
    });
    const [header, ...rest] = first.done === true ? [] : first.value;
    return new RecordingReader(path, parseHeader(path, header), note, prepend(rest, lines));
  }

  private constructor(
    path: string,
    header: RecordingHeader,
    note: (text: string) => void,
    lines: AsyncGenerator<Line[]>,
  ) {
    this.path = path;
    this.header = header;
    this.note = note;
    this.lines = lines;
  }

  /** The same from its beginning, in silence; undefined of what can be read but once. */
  async again(): Promise<RecordingReader | undefined> {
    return (await stat(this.path)).isFile() ? RecordingReader.open(this.path, () => undefined) : undefined;
  }

  /** The names known at its start, then every event, a handful at a time. */
  async *batches(): AsyncGenerator<readonly Event[]> {
    yield this.header.names;
    yield* this.events();
  }

  /** The events alone, without the names of the header. */
  async *events(): AsyncGenerator<readonly Event[]> {
    try {
      for await (const lines of this.lines) yield this.eventsOf(lines);
    } catch (error) {
      this.torn = error instanceof Error ? error.message : String(error);
    }
    this.sumUp();
  }

  async close(): Promise<void> {
    await this.lines.return(undefined);
  }

  private eventsOf(lines: readonly Line[]): Event[] {
    const events: Event[] = [];
    for (const line of lines) {
      const value = line.text === undefined ? undefined : parseJson(line.text);
      const event = eventSchema.safeParse(value);
      if (event.success) events.push(event.data);
      else if (endSchema.safeParse(value).success) this.ended = true;
      else this.skip(line, value === undefined ? whyNoJson(line) : whyNot(event.error));
    }
    return events;
  }

  private skip(line: Line, why: string): void {
    this.skipped++;
    if (this.skipped === 1) this.note(`${this.path} line ${String(line.number)}: ${why}; skipped`);
  }

  private sumUp(): void {
    if (this.skipped > 1) this.note(`${this.path}: ${String(this.skipped)} lines skipped in all`);
    if (this.ended && this.torn === undefined) return;
    const why = this.torn === undefined ? '' : ` (${clean(this.torn, 200)})`;
    this.note(`${this.path} is cut off${why}: what came last is missing`);
  }
}

async function* linesOf(path: string): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter();
  let first = true;
  for await (const chunk of await openBytes(path)) {
    // Before a line's end is looked for in gigabytes of something else.
    if (first && chunk[0] !== 0x7b) throw notARecording(path);
    first = false;
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const rest = splitter.end();
  // Half a line is the tear itself, not a bad line.
  if (rest?.text !== undefined && parseJson(rest.text) !== undefined) yield [rest];
}

async function* prepend(lines: Line[], rest: AsyncGenerator<Line[]>): AsyncGenerator<Line[]> {
  yield lines;
  yield* rest;
}

function parseHeader(path: string, line: Line | undefined): RecordingHeader {
  const value = line?.text === undefined ? undefined : parseJson(line.text);
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== FORMAT) {
    throw notARecording(path);
  }
  if (!('version' in value) || value.version !== VERSION) {
    const version = 'version' in value ? clean(String(value.version), 20) : 'unknown';
    throw new FailedError(
      `${path} is a recording of version ${version}; this nathop reads version ${String(VERSION)}`,
      'replay it with the nathop that recorded it, or a newer one',
    );
  }
  const header = headerSchema.safeParse(value);
  if (header.success) return header.data;
  throw new FailedError(`${path}: the header is damaged: ${whyNot(header.error)}`, 'record again');
}

const notARecording = (path: string): FailedError =>
  new FailedError(`${path} is not a nathop recording`, 'name a file that `nathop record` wrote');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const whyNoJson = (line: Line): string => (line.text === undefined ? 'too long' : 'not JSON');

function whyNot(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'not an event';
  const where = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
  return clean(`${where}${issue.message}`, 200);
}
