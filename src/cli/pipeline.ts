/** Where events become requests: every verb's stream goes through one of these. */
import { Standing } from '../outputs/standing.ts';
import type { Event } from '../events/event.ts';
import type { Engine } from '../trace/engine.ts';
import type { Filter } from '../trace/filter/filter.ts';
import type { Request } from '../trace/request.ts';

export interface PipelineOptions {
  readonly engine: Engine;
  readonly filter: Filter;
  /** Told each event before the engine takes it: recorder, notes. */
  readonly listeners: readonly ((event: Event) => void)[];
  /** Told each request that the filter lets through when it is finished, and again if it is corrected. */
  readonly found: (request: Request) => void;
  /** Told each finished one that it does not let through; it may have, while the request was open. */
  readonly unwanted?: (request: Request) => void;
}

export class Pipeline {
  /** What a recording that begins now must know. */
  readonly standing = new Standing();
  private readonly options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.options = options;
  }

  take(event: Event): void {
    const { engine, filter, listeners, found, unwanted } = this.options;
    this.standing.take(event);
    for (const listener of listeners) listener(event);
    for (const request of engine.apply(event)) {
      if (filter.matches(request)) found(request);
      else unwanted?.(request);
    }
  }

  /** What was touched since the last call and is wanted as it is now, and the ids of what is not, or no longer is. */
  changes(): { wanted: Request[]; unwanted: string[] } {
    const { engine, filter } = this.options;
    const { requests, gone } = engine.changes();
    const others = requests.filter((request) => !filter.matches(request)).map(({ id }) => id);
    return { wanted: requests.filter(filter.matches), unwanted: [...gone, ...others] };
  }

  /** What is unfinished, as far as it is known. */
  open(): Request[] {
    return this.options.engine.open().filter(this.options.filter.matches);
  }
}
