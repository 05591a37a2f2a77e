/** All of one recording that is compared. */
import type { Event } from '../events/event.ts';
import type { Request } from '../trace/request.ts';
import { keyOf } from './asked.ts';
import type { Asked } from './asked.ts';
import { sampleOf } from './sample.ts';
import type { Sample } from './sample.ts';

export class Side {
  /** By the request's id: one that is told again, corrected, is told last as it was. */
  private readonly samples = new Map<string, Sample | undefined>();
  /** Devices were not told all the time. */
  private changesOnly = false;

  take(request: Request): void {
    this.samples.set(request.id, sampleOf(request));
  }

  /** It was told, and is not wanted as it is told now. */
  drop(id: string): void {
    this.samples.delete(id);
  }

  watch(event: Event): void {
    if ((event.kind === 'probes' || event.kind === 'detail') && event.level === 'nat')
      this.changesOnly = true;
  }

  get summary(): SideSummary {
    const samples = [...this.samples.values()];
    const compared = samples.filter((sample) => sample !== undefined);
    return {
      requests: compared.length,
      tooOld: samples.length - compared.length,
      holed: compared.filter(({ holed }) => holed).length,
      changesOnly: this.changesOnly,
    };
  }

  /** In the order in which they were first asked. */
  kinds(): Map<string, Kind> {
    const kinds = new Map<string, { asked: Asked; samples: Sample[] }>();
    for (const sample of this.samples.values()) {
      if (sample === undefined) continue;
      const key = keyOf(sample.asked);
      const kind = kinds.get(key);
      if (kind === undefined) kinds.set(key, { asked: sample.asked, samples: [sample] });
      else kind.samples.push(sample);
    }
    return kinds;
  }
}

export interface SideSummary {
  /** Requests compared. */
  readonly requests: number;
  /** Left out: they began before the recording. */
  readonly tooOld: number;
  /** Of the compared: those that lost events may have belonged to. */
  readonly holed: number;
  /** Devices and deliveries were not told all the time (`--detail nat`, or a busy node). */
  readonly changesOnly: boolean;
}

/** The requests that asked for the same. */
export interface Kind {
  readonly asked: Asked;
  readonly samples: readonly Sample[];
}
