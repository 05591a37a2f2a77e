/** What the tracer says of itself, put in words as it happens. */
import type { Event, LostEvent } from '../events/event.ts';
import type { KubeStateEvent } from '../events/kube.ts';
import type { HeadsMissedEvent } from '../events/head.ts';
import type { Notes } from './notes.ts';

const WHERE: Record<LostEvent['where'], string> = {
  kernel: 'in the kernel: more happened than the buffer holds',
  skipped: 'at most: the kernel skipped probes, as another BPF program ran on that CPU',
  order: 'that came too late to be put in order',
  line: 'whose line could not be read',
};
const WHY_MISSED: Record<HeadsMissedEvent['where'], string> = {
  kernel: 'more came than the buffers hold',
  cut: 'their ends were not captured',
  unread: 'not what they began as',
  ahead: 'of connections that the probes did not come to tell',
};
/** Loss comes in bursts; once a second of event time is enough to say it. */
const PAUSE_NS = 1_000_000_000;

export class TracerNotes {
  /** All events lost so far. */
  lost = 0;
  private readonly notes: Notes;
  private readonly unsaid = new Map<LostEvent['where'], number>();
  private saidAt = 0;
  private missing: Record<'probes' | 'capture', readonly string[]> = { probes: [], capture: [] };
  private readonly headsMissed = new Map<HeadsMissedEvent['where'], number>();
  private running = true;
  private apiLacks = false;

  constructor(notes: Notes) {
    this.notes = notes;
  }

  take(event: Event): void {
    switch (event.kind) {
      case 'lost':
        this.lost += event.count;
        this.unsaid.set(event.where, (this.unsaid.get(event.where) ?? 0) + event.count);
        break;
      case 'detail':
        this.notes.say(
          event.level === 'nat'
            ? `busy (${String(event.linesPerSecond)} lines/s): one event a connection and node from here on`
            : 'calm again: every device is shown from here on',
        );
        break;
      case 'probes':
        this.sayMissing(event.kind, event.missing);
        if (this.running && !event.running)
          this.notes.say('the probes have ended: nothing is seen from here on');
        this.running = event.running;
        break;
      case 'capture':
        this.sayMissing(event.kind, event.missing);
        break;
      case 'kube-state':
        this.sayApi(event);
        break;
      case 'heads-missed':
        this.headsMissed.set(event.where, (this.headsMissed.get(event.where) ?? 0) + event.count);
        break;
    }
    if (this.unsaid.size > 0 && event.at - this.saidAt >= PAUSE_NS) this.sayLoss(event.at);
  }

  private sayApi({ text }: KubeStateEvent): void {
    if (text !== '') this.notes.say(text);
    else if (this.apiLacks) this.notes.say('the Kubernetes API tells all names now');
    this.apiLacks = text !== '';
  }

  /** Message heads that were not read, and why; empty where there are none. */
  get headsMissedText(): string {
    const counts = [...this.headsMissed];
    if (counts.length === 0) return '';
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    const reasons = counts.map(([where, count]) => `${String(count)} ${WHY_MISSED[where]}`);
    // libpcap's binding does not tell how many the kernel had no room for.
    const least = this.headsMissed.has('kernel') ? 'at least ' : '';
    return `${least}${countOf(total, 'message head')} missed (${reasons.join(', ')})`;
  }

  private sayMissing(what: 'probes' | 'capture', missing: readonly string[]): void {
    for (const lack of missing) if (!this.missing[what].includes(lack)) this.notes.say(lack);
    this.missing[what] = missing;
  }

  /** Says what has not been said yet; last thing before the summary. */
  sayLoss(at = Infinity): void {
    for (const [where, count] of this.unsaid)
      this.notes.say(`${countOf(count, 'event')} lost ${WHERE[where]}`);
    this.unsaid.clear();
    this.saidAt = at;
  }
}

/** `1 event`, `2 events`. */
export const countOf = (count: number, what: string): string =>
  `${String(count)} ${what}${count === 1 ? '' : 's'}`;
