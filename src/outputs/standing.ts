import type { CaptureEvent } from '../events/head.ts';
import type {
  ConntrackStatsEvent,
  DetailEvent,
  Event,
  NetnsEvent,
  NetnsId,
  ProbesEvent,
  RulesEvent,
} from '../events/event.ts';
import type { KubeEvent, KubeStateEvent } from '../events/kube.ts';

/**
 * What a recording that begins now must know: the latest of each namespace, its rule sets and its conntrack's counts,
 * and what the tracer last said of itself.
 */
export class Standing {
  private readonly latest = new Map<string, NetnsEvent | RulesEvent>();
  private readonly objects = new Map<string, KubeEvent>();
  private readonly apis = new Map<string, KubeStateEvent>();
  private readonly counts = new Map<NetnsId, ConntrackStatsEvent>();
  private probes: ProbesEvent | undefined;
  private detail: DetailEvent | undefined;
  private capture: CaptureEvent | undefined;

  take(event: Event): void {
    switch (event.kind) {
      case 'netns':
        this.latest.set(`netns ${String(event.netns)}`, event);
        break;
      case 'rules':
        this.latest.set(`${event.syntax} ${String(event.netns)}`, event);
        break;
      case 'netns-gone':
        for (const kind of ['netns', 'iptables', 'ip6tables', 'nft', 'ipvs', 'ipset']) {
          this.latest.delete(`${kind} ${String(event.netns)}`);
        }
        this.counts.delete(event.netns);
        break;
      case 'conntrack-stats':
        this.counts.set(event.netns, event);
        break;
      case 'kube':
        this.objects.set(event.object.uid, event);
        break;
      case 'kube-gone':
        this.objects.delete(event.uid);
        break;
      case 'kube-state':
        // It was not reached at first, and then it was.
        if (event.cluster !== undefined) this.apis.delete('');
        this.apis.set(event.cluster ?? '', event);
        break;
      case 'probes':
        this.probes = event;
        break;
      case 'detail':
        this.detail = event;
        break;
      case 'capture':
        this.capture = event;
        break;
    }
  }

  names(): (NetnsEvent | RulesEvent)[] {
    return [...this.latest.values()];
  }

  /** Objects first: what is told before the API is in step was so before. */
  cluster(): (KubeEvent | KubeStateEvent)[] {
    return [...this.objects.values(), ...this.apis.values()];
  }

  /** Of the APIs that names come from: what is to be known of them. */
  get apiTexts(): string[] {
    return [...this.apis.values()].flatMap(({ text }) => (text === '' ? [] : [text]));
  }

  conntrack(): ConntrackStatsEvent[] {
    return [...this.counts.values()];
  }

  get tracer(): {
    probes: ProbesEvent | undefined;
    detail: DetailEvent | undefined;
    capture: CaptureEvent | undefined;
  } {
    return { probes: this.probes, detail: this.detail, capture: this.capture };
  }
}
