/** The recording that `record` makes, from its file's making to its last word. */
import { existsSync } from 'node:fs';
import type { Clocks } from '../sources/clock.ts';
import { machineFacts } from '../sources/facts.ts';
import type { Filter } from '../trace/filter/filter.ts';
import { onWayOut } from './cleanup.ts';
import { complaintOf } from './complaint.ts';
import type { Context } from './context.ts';
import type { Notes } from './notes.ts';
import { Recorder } from './recorder.ts';
import { Selection } from './selection.ts';

export interface RecordHere {
  readonly path: string;
  readonly force: boolean;
  /** Without lines on stdout. */
  readonly silent: boolean;
}

export class Recording {
  readonly recorder: Recorder;
  /** Absent where everything is kept. */
  readonly selection: Selection | undefined;
  /** 1 once it could not be written any further. */
  status = 0;

  /** @throws UsageError where the file exists or cannot be made */
  static async begin(
    context: Context,
    record: RecordHere,
    filter: Filter,
    clocks: Clocks,
  ): Promise<Recording> {
    const machine = await machineFacts();
    return new Recording(context, record, filter, { nathop: context.version, clocks, ...machine });
  }

  private constructor(
    context: Context,
    { path, force }: RecordHere,
    filter: Filter,
    facts: ConstructorParameters<typeof Recorder>[0]['facts'],
  ) {
    this.selection = filter.text === '' ? undefined : new Selection(path, force, filter);
    this.recorder = new Recorder({
      path: this.selection?.spool ?? path,
      force,
      facts,
      failed: (error) => {
        const { status, text } = complaintOf(error);
        this.status = status;
        context.stderr.write(text);
      },
    });
    onWayOut(() => {
      this.recorder.close();
    });
  }

  /** After the last event. */
  async end(notes: Notes): Promise<void> {
    const { recorder, selection } = this;
    recorder.close();
    if (!existsSync(recorder.path)) return;
    if (selection === undefined || this.status !== 0) {
      notes.say(`${String(recorder.count)} events recorded in ${recorder.path}`);
      return;
    }
    const kept = await selection.finish();
    notes.say(`${String(kept)} of ${String(recorder.count)} events recorded in ${selection.path}`);
  }
}
