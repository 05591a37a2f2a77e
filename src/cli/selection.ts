/**
 * `record` with filters: which events a wanted request is made of is known only when it has been, so everything
 * is recorded first, and what belongs to the wanted ones is copied at the end.
 */
import { existsSync, rmSync } from 'node:fs';
import { UsageError } from '../events/errors.ts';
import type { UserError } from '../events/errors.ts';
import { RecordingWriter } from '../outputs/recording.ts';
import { RecordingReader } from '../sources/recording/reader.ts';
import type { Filter } from '../trace/filter/filter.ts';
import { flowsOfEvent, flowsOfRequest } from '../trace/filter/flows.ts';
import type { Request } from '../trace/request.ts';

export class Selection {
  /** Where everything is recorded; stays if we are killed, and can be replayed. */
  readonly spool: string;
  readonly path: string;
  private readonly force: boolean;
  private readonly filter: Filter;
  private readonly wanted = new Set<string>();

  /** @throws UsageError where FILE exists: better now than when all is recorded */
  constructor(path: string, force: boolean, filter: Filter) {
    if (!force && existsSync(path)) {
      throw new UsageError(`${path} exists`, 'choose another name, or add --force to replace it');
    }
    this.path = path;
    this.spool = `${path}.partial`;
    this.force = force;
    this.filter = filter;
  }

  want(request: Request): void {
    for (const flow of flowsOfRequest(request)) this.wanted.add(flow);
  }

  /** Copies what belongs to the wanted requests and removes the rest. @returns how many events were kept */
  async finish(): Promise<number> {
    const reader = await RecordingReader.open(this.spool, () => undefined);
    const writer = new RecordingWriter(this.path, {
      force: this.force,
      failed: (error: UserError) => {
        throw error;
      },
    });
    writer.begin({ ...reader.header, filter: this.filter.text });
    for await (const batch of reader.events()) {
      for (const event of batch) {
        const flows = flowsOfEvent(event);
        if (flows.length === 0 || flows.some((flow) => this.wanted.has(flow))) writer.write(event);
      }
    }
    writer.close();
    rmSync(this.spool);
    return writer.count;
  }
}
